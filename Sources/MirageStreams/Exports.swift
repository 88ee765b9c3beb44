// The types of samples, random numbers and errors, which every component uses.
@_exported import MirageMedia
@_exported import MirageSupport
