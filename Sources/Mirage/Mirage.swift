@_exported import Foundations
@_exported import Media
@_exported import Streams
