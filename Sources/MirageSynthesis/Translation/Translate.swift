import MirageAdversarial
import MirageStreams
import MirageSupport

/// Translates what flows with a trained model, without training.
public struct Translate: StageComponent, ComputesWithNetworks {
  public static let declaration = Declaration(
    "translate", "Translates what flows with a trained model", primary: "checkpoint", of: Translate(checkpoint: ""),
    .required("checkpoint", .path, "Checkpoint of a translation"),
    Setting("classes", .strings, "Classes that are translated, by name or number; all samples if not given"),
    .direction, .originals, .label)

  public static var domains: Set<Format.Domain> { [.image] }

  /// Checkpoint file of a translation, as `cycle-gan`, `contrastive-gan`, `pix-to-pix` and `mirage train` write it.
  public var checkpoint: String
  /// Classes that are translated, by name or number; all samples if empty.
  public var classes: [String]
  /// Direction of the translation. Defaults to `forward`.
  public var direction: TranslationDirection
  /// Treatment of the originals. Defaults to `replace`.
  public var originals: Translation.Originals
  /// Class of the translations, by name or number. Defaults to that of the original.
  public var label: String?

  /// Creates a translation by a checkpoint.
  public init(
    checkpoint: String, classes: [String] = [], direction: TranslationDirection = .forward,
    originals: Translation.Originals = .replace, label: String? = nil
  ) {
    (self.checkpoint, self.classes, self.direction) = (checkpoint, classes, direction)
    (self.originals, self.label) = (originals, label)
  }
}

extension Translate: Estimator {
  /// Reads the checkpoint and checks that it fits.
  ///
  /// - Throws: missing input; bad data if the file is no translation, or is for images of another size; bad pipeline if there is
  ///   no such class.
  public func fit(on upstream: Flow<Sample>, in context: Context) async throws -> Fitted<Sample, Sample> {
    let model = try TranslationModel(reading: checkpoint)
    let names = upstream.about.classes
    let wanted = try classes.map { try classIndex($0, among: names, stage: "classes") }.map { names[$0] }
    let label = try Translation.index(ofLabel: label, among: names, setting: "label")
    if let example = try await upstream.example() { try model.check(example.format, direction) }
    let stage = TranslatingStage(
      model: model, translation: Translation(direction: direction, originals: originals, label: self.label),
      classes: wanted, label: label)
    return Fitted(stage, description: try stage.description(named: Self.name), files: [checkpoint])
  }

  public func earlierFit(
    on upstream: Flow<Sample>, in context: Context
  ) async throws -> Fitted<Sample, Sample>? {
    try await fit(on: upstream, in: context)
  }
}
