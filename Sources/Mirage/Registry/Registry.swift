/// All components that pipeline files can name, in one table.
public enum Registry {
  public static let entries: [Entry] =
    sources + synthesisSources + geometry + colors + occlusions + combinations + flows + synthesis + sinks

  /// The entry of a name among certain kinds; entries of different kinds may share one.
  public static func entry(_ name: String, among kinds: [Entry.Kind]) -> Entry? {
    entries.entry(name, among: kinds)
  }
}

extension Registry {
  /// Formats that directories can be recognized to hold, the more specific first.
  static let recognizedSources: [any RecognizedSource.Type] = [
    MNIST.self, CIFAR100.self, CIFAR10.self, WebDataset.self, ImageFolder.self,
  ]
}

// Entries say their kind, and a component of another kind is a mistake in the registry.
extension Registry {
  static func source(_ component: any Component) throws -> any SourceComponent {
    guard let source = component as? any SourceComponent else { throw mismatch(component, "source") }
    return source
  }

  package static func stage(_ component: any Component) throws -> any StageComponent {
    guard let stage = component as? any StageComponent else { throw mismatch(component, "stage") }
    return stage
  }

  static func sink(_ component: any Component) throws -> any SinkComponent {
    guard let sink = component as? any SinkComponent else { throw mismatch(component, "sink") }
    return sink
  }

  private static func mismatch(_ component: any Component, _ kind: String) -> MirageError {
    MirageError(.badPipeline, "\(type(of: component).name) is registered as a \(kind), which it is not")
  }
}

extension [Entry] {
  /// The entry of a name among certain kinds; entries of different kinds may share one.
  func entry(_ name: String, among kinds: [Entry.Kind]) -> Entry? {
    first { $0.name == name && kinds.contains($0.kind) }
  }
}

// Fields that several components share, so that one idea has one name and one sentence.

func probability(_ standard: Double = 1) -> Field {
  Field("probability", .number(0...1), .number(standard), "how often it is applied at all")
}

func interpolation(_ standard: String = "bilinear", _ names: [String] = ["nearest", "bilinear", "bicubic"]) -> Field {
  Field("interpolation", .choice(names), .string(standard), "how pixels between pixels are computed")
}

let fill = Field("fill", .color, [0], "the color where there is no image")

func border(_ name: String = "border") -> Field {
  Field(
    name, .choice(BorderMode.allCases.map(\.rawValue)), "constant",
    "beyond the edges: the fill, the edge pixels again, or the mirrored image")
}

let antialias = Field("antialias", .boolean, true, "average over all pixels that become one, as Pillow does")

let channels = Field(
  "channels", .choice(ColorMode.allCases.map(\.rawValue)), "rgb", "what all images become; keep leaves each as it is")

let compression = Field("compression", .integer(0...9), 6, "of PNG: 0 is fast, 9 is small")

let quality = Field("quality", .integer(1...100), 95, "of JPEG")

let format = Field("format", .choice(ImageFormat.allCases.map(\.rawValue)), "png", "how images are stored")

func split(_ names: [String] = Split.allCases.map(\.rawValue)) -> Field {
  Field("split", .choice(names), "train", "which part of the dataset")
}
