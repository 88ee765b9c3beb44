@_exported import Adversarial
@_exported import Evaluation
@_exported import Foundations
@_exported import Media
@_exported import Networks
@_exported import Streams
@_exported import Synthesis
@_exported import Tensors
