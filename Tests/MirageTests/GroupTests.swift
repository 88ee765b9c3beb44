import Mirage
import StreamsTestSupport
import TestSupport
import Testing

/// Settings that are groups of settings, in a component that only these tests know.
@Suite struct GroupTests {
  struct Painter: StageComponent, Stage {
    static let declaration = Declaration(
      "painter", "Paints", primary: "checkpoint", of: Painter(checkpoint: ""),
      .required("checkpoint", .path, "Where the model is kept"),
      Setting("model", .group(Model.settings), "What is trained"),
      Setting("train", .group(Train.settings), "How it is trained"),
      Setting("emit", .group(Emit.settings), "What is added"))

    struct Model: Codable {
      var network = "dcgan"
      var loss = "hinge"
      var penalties: [String] = []

      static let settings = Setting.list(
        of: Model(), Setting("network", .choice(["dcgan", "resnet"]), "Its networks"),
        Setting("loss", .choice(["logistic", "hinge"]), "What is minimized"),
        Setting("penalties", .choices(["gradient", "consistency", "path"]), "Added to the loss"))
    }

    struct Train: Codable {
      struct Schedule: Codable {
        var warmUp = 0
        var decay: String?

        static let settings = Setting.list(
          of: Schedule(), Setting("warm-up", .integer(0...100_000), "Steps until the full rate"),
          Setting("decay", .choice(["linear", "cosine"]), "The recipe's own if not given"))
      }
      var steps = 8000
      var learningRate: Double?
      var start: String?
      var schedule = Schedule()

      static let settings = Setting.list(
        of: Train(), Setting("steps", .integer(1...100_000), "How many"),
        Setting("learning-rate", .number(0...1), "The recipe's own if not given"),
        Setting("start", .path, "Weights to begin with"),
        Setting("schedule", .group(Schedule.settings), "Of the learning rate"))
    }

    struct Emit: Codable {
      var perClass: Int
      var truncation = 1.0

      static let settings = Setting.list(
        of: Emit(perClass: 1), .required("per-class", .integer(1...1000), "How many"),
        Setting("truncation", .number(0...1), "Of the noise"))
    }

    var checkpoint: String
    var model = Model()
    var train = Train()
    var emit: Emit?

    func validate() throws {
      try checkSettings()
      if model.loss == "logistic", model.penalties.contains("gradient") {
        throw MirageError(.usage, "gradient goes with hinge", place: "model.loss", remedy: "Use hinge.")
      }
      if train.schedule.warmUp > train.steps {
        throw MirageError(.usage, "warm-up is longer than training", place: "train.schedule.warm-up")
      }
      if emit?.truncation == 0 { throw MirageError(.usage, "nothing is left", place: "emit.nowhere") }
    }

    func apply(to upstream: Flow<Sample>, at path: StagePath) -> Flow<Sample> { upstream }
  }

  /// A source of the same name, with the same plain value and another setting.
  struct Paintings: SourceComponent {
    static let declaration = Declaration(
      Painter.name, "Paintings", primary: "directory", of: Paintings(directory: "", size: Size(height: 1)),
      .required("directory", .path, "Where they are"),
      Setting("size", .group([.required("height", .integer(1...9), "In pixels")]), "Of each"))

    struct Size: Codable { var height: Int }
    var directory: String
    var size: Size

    func flow(in context: Context) -> Flow<Sample> { TestSource(height: size.height).flow(in: context) }
  }

  static let registry = Registry.standard.adding(Painter.self, Paintings.self)

  private func read(_ text: String, base: String = ".", overrides: [String] = []) throws -> Pipeline {
    try PipelineFile.parse(text, base: base, overrides: overrides, registry: Self.registry)
  }

  private func painter(_ settings: String, base: String = ".", _ overrides: String...) throws -> Painter {
    let text = "source: {mnist: data}\nstages: [invert, \(settings)]"
    return try #require(try read(text, base: base, overrides: overrides).stages[1] as? Painter)
  }

  private static let head = "source: {mnist: data}\nstages:\n  - painter:\n      checkpoint: a\n"

  static let mistakes: [PipelineFileTests.Mistake] = [
    .init("unknown name", head + "      model: { ^los: hinge }", "unknown name los", "Did you mean loss?"),
    .init("unknown name, by lines", head + "      train:\n        steps: 1\n        ^batch: 3", "unknown name batch"),
    .init("unknown name, far from all", head + "      model: {^qqqqqqqq: 1}", "Known are network, loss, penalties."),
    .init("unknown group", head + "      ^modle: {loss: hinge}", "unknown name modle", "Did you mean model?"),
    .init(
      "unknown name, two deep", head + "      train: {schedule: {^warmup: 3}}", "unknown name warmup",
      "Did you mean warm-up?"),
    .init("a setting outside its group", head + "      ^loss: hinge", "unknown name loss"),
    .init("wrong type", head + "      train: { steps: ^many }", "steps must be a whole number from 1 to 100000"),
    .init("out of range", head + "      train: { schedule: { warm-up: ^-1 } }", "warm-up must be from 0 to 100000"),
    .init("unknown choice", head + "      model: { network: ^dcgn }", "network must be one of", "Did you mean dcgan?"),
    .init("text for a group", head + "      model: ^dcgan", "model needs its settings by name", "Known are network"),
    .init("nothing in quotes", head + "      model: ^\"\"", "model needs its settings by name"),
    .init("number for a group", head + "      train: {schedule: ^5}", "schedule needs its settings by name"),
    .init("list for a group", head + "      model: ^[loss, hinge]", "model needs its settings by name"),
    .init("list of maps for a group", head + "      model:\n        ^- loss: hinge", "needs its settings by name"),
    .init(
      "null for what must be given", "source: {mnist: data}\nstages: [{^painter: {checkpoint: null}}]",
      "painter needs checkpoint: path"),
    .init("setting missing", head + "      ^emit: {truncation: 0.5}", "emit needs per-class: whole number"),
    .init("all settings missing", head + "      ^emit: {}", "emit needs per-class"),
    .init("setting that is null", head + "      ^emit: {per-class: null}", "emit needs per-class"),
    .init("group missing", "source: {^painter: data}", "painter needs size: group of settings"),
    .init("group that is null", "source: {^painter: {directory: data, size: null}}", "painter needs size: group"),
    .init("group that is empty", "source: {painter: {directory: data, ^size: {}}}", "size needs height: whole number"),
    .init(
      "duplicate name", head + "      model: {loss: hinge, penalties: [path], ^loss: hinge}", "loss is given twice"),
    .init("duplicate group", head + "      train: {steps: 1}\n      ^train: {steps: 2}", "train is given twice"),
    .init("unknown one of several", head + "      model: {penalties: [path, ^gradent]}", "Did you mean gradient?"),
    .init("unknown single one of several", head + "      model: {penalties: ^gradent}", "must be one of gradient, con"),
    .init("one of several twice", head + "      model: {penalties: [path, gradient, ^path]}", "holds path twice"),
    .init("map for several", head + "      model: {penalties: ^{path: 1}}", "a list of gradient | consistency | path"),
    .init("lists for several", head + "      model: {penalties: [^[path]]}", "a list of gradient | consistency | path"),
    .init(
      "what makes no sense, at its line",
      head + "      model:\n        penalties: [gradient]\n        loss: ^logistic\n", "gradient goes with hinge",
      "Use hinge."),
    .init("two deep", head + "      train: {steps: 1, schedule: {warm-up: ^2}}", "warm-up is longer than training"),
    .init(
      "at the component, where the setting is no such",
      "source: {mnist: data}\nstages:\n  - ^painter:\n      checkpoint: a\n      emit: {per-class: 1, truncation: 0}",
      "nothing is left"),
    .init("another kind's name", "source: {mnist: data}\nsink: {^painter: a}", "painter is a stage or source, which"),
  ]

  @Test(arguments: mistakes) func isExplained(_ one: PipelineFileTests.Mistake) throws {
    try one.isExplained { try read($0) }
  }

  /// Refuses whatever its settings are, and takes the place of the component of its name.
  struct Strict: StageComponent, Stage {
    static let declaration = Painter.declaration
    var checkpoint: String
    func validate() throws { throw MirageError(.badPipeline, "hinge will not do", place: "model.loss") }
    func apply(to upstream: Flow<Sample>, at path: StagePath) -> Flow<Sample> { upstream }
  }

  /// An error about a setting that the file leaves to its default.
  @Test func defaultsThatMakeNoSenseAreShownAtTheComponent() throws {
    for settings in ["{checkpoint: a}", "{checkpoint: a, model: {network: dcgan}}", "{checkpoint: a, model: null}"] {
      let mistake = PipelineFileTests.Mistake(
        settings, "source: {mnist: data}\nstages: [{^painter: \(settings)}]", "hinge will not do")
      try mistake.isExplained { try PipelineFile.parse($0, registry: Self.registry.adding(Strict.self)) }
    }
  }

  @Test(arguments: [
    "painter: a", "{painter: {checkpoint: a}}", "{painter: {checkpoint: a, model: {}, train: {}}}",
    "{painter: {checkpoint: a, model: null, train: ~, emit: null}}",
    "{painter: {checkpoint: a, train: {schedule: null}}}", "{painter: {checkpoint: a, train: {schedule: {}}}}",
    "{painter: {checkpoint: a, model: {penalties: [], loss: null}, train: {learning-rate: null, start: }}}",
  ])
  func whatIsLeftOutHasDefaults(settings: String) throws {
    let painter = try painter(settings)
    #expect(painter.checkpoint == "a" && painter.emit == nil)
    #expect([painter.model.network, painter.model.loss] == ["dcgan", "hinge"] && painter.model.penalties.isEmpty)
    #expect(painter.train.steps == 8000 && painter.train.learningRate == nil && painter.train.start == nil)
    #expect(painter.train.schedule.warmUp == 0 && painter.train.schedule.decay == nil)
  }

  @Test func whatIsGivenIsRead() throws {
    let painter = try painter(
      """
      {painter: {checkpoint: a, model: {loss: logistic, penalties: [path, consistency]},
        train: {learning-rate: 0.5, schedule: {decay: cosine}}, emit: {per-class: 7}}}
      """)
    #expect(painter.model.network == "dcgan" && painter.model.loss == "logistic")
    #expect(painter.model.penalties == ["path", "consistency"])
    #expect(painter.train.steps == 8000 && painter.train.learningRate == 0.5)
    #expect(painter.train.schedule.decay == "cosine" && painter.train.schedule.warmUp == 0)
    #expect(painter.emit?.perClass == 7 && painter.emit?.truncation == 1)
    #expect(try self.painter("{painter: {checkpoint: a, model: {penalties: path}}}").model.penalties == ["path"])
  }

  @Test func pathsAreRelativeToTheFile() throws {
    let inside = try painter("{painter: {checkpoint: a, train: {start: b/c}}}", base: "/base")
    #expect(inside.checkpoint == "/base/a" && inside.train.start == "/base/b/c")
    #expect(try painter("{painter: {checkpoint: a, train: {start: /c}}}", base: "/base").train.start == "/c")
    let given = try painter("painter: a", base: "/base", "stages.1.painter.train.start=d")
    #expect(given.train.start == "/base/d")
  }

  @Test(arguments: [
    "painter: a", "{painter: {checkpoint: a}}", "{painter: {checkpoint: a, train: null}}",
    "{painter: {checkpoint: a, train: {steps: 9}}}",
  ])
  func overridesReachIntoGroups(settings: String) throws {
    let painter = try painter(
      settings, "stages.1.painter.train.steps=100", "stages.1.painter.train.schedule.warm-up=5",
      "stages.1.painter.train.schedule.decay=linear", "stages.1.painter.model.penalties=[path]",
      "stages.1.painter.emit={per-class: 3}", "stages.1.painter.emit.truncation=0.5", "stages.1.painter.model.loss=~")
    #expect(painter.train.steps == 100 && painter.train.schedule.warmUp == 5)
    #expect(painter.train.schedule.decay == "linear" && painter.model.penalties == ["path"])
    #expect(painter.emit?.perClass == 3 && painter.emit?.truncation == 0.5 && painter.checkpoint == "a")
    #expect(try self.painter("painter", "stages.1.painter.checkpoint=b").checkpoint == "b")
    let cleared = try self.painter(settings, "stages.1.painter.train=null", "stages.1.painter.emit.per-class=3")
    #expect(cleared.train.steps == 8000 && cleared.emit?.perClass == 3)
  }

  static let overrides: [(option: String, says: String)] = [
    ("stages.1.painter.trian.steps=1", "Did you mean train?"),
    ("stages.1.painter.train.stesp=1", "Did you mean steps?"),
    ("stages.1.painter.train.steps.x=1", "there is no steps"), ("stages.1.painter.train.steps=x", "steps must be"),
    ("stages.1.painter.train.schedul.decay=linear", "Did you mean schedule?"),
    ("stages.1.painter.train=5", "train needs its settings by name"), ("stages.1.painter.train=", "by name"),
    ("stages.1.painter.model.penalties=pth", "Did you mean path?"),
    ("stages.1.painter.emit.truncation=1", "emit needs per-class"),
    ("stages.1.painter.train.schedule.warm-up=9000", "warm-up is longer than training"),
    ("stages.1.paintr.train.steps=1", "Did you mean painter?"), ("stages.0.painter.train.steps=1", "no painter"),
    ("stages.1.painter.size.height=1", "there is no size"), ("sink.painter.train.steps=1", "there is no sink"),
  ]

  @Test(arguments: overrides.map(\.option)) func overrideIsRefused(option: String) throws {
    let says = Self.overrides.first { $0.option == option }!.says
    let error = try #require(throws: MirageError.self) { _ = try painter("painter: a", option) }
    #expect(error.kind == .usage, "\(error)")
    #expect("\(error)".hasPrefix("--set \(option): ") && "\(error)".contains(says), "\(error)")
  }

  @Test func namesAreLookedUpByKind() throws {
    let text = "source: {painter: {directory: a, size: {height: 2}}}\nstages: [painter: b]"
    let pipeline = try read(text, overrides: ["source.painter.size.height=5", "stages.0.painter.train.steps=6"])
    #expect((pipeline.source as? Paintings)?.size.height == 5)
    #expect((pipeline.stages[0] as? Painter)?.train.steps == 6)
    let mixed = try read(
      "source: {interleave: [{painter: a}, {painter: b}]}",
      overrides: ["source.interleave.0.painter.size.height=5", "source.interleave.1.painter.size.height=6"])
    #expect((mixed.source as? Interleave)?.sources.compactMap { ($0 as? Paintings)?.size.height } == [5, 6])
  }

  @Test func descriptionsAreSettings() throws {
    let painter = try painter(
      "{painter: {checkpoint: a, model: {penalties: path}, train: {schedule: {decay: linear}}, emit: {per-class: 2}}}")
    let again = try self.painter(painter.description.text)
    #expect(try again.description == painter.description)
    #expect(try painter.description["painter"]?["train"]?["schedule"]?["warm-up"] == 0)
  }

  @Test func schemaNests() throws {
    let schema = Self.registry.schema
    func settings(_ kind: String) -> JSONValue? {
      let forms = schema["$defs"]?[kind]?["anyOf"]?.items ?? []
      let form = forms.lazy.compactMap { $0["properties"]?[Painter.name] }.first
      return form?["anyOf"]?.items.first ?? form
    }
    let stage = try #require(settings("stage"))
    #expect(stage["required"] == ["checkpoint"] && stage["additionalProperties"] == false)
    let train = try #require(stage["properties"]?["train"])
    #expect(train["type"] == ["object", "null"] && train["additionalProperties"] == false && train["required"] == nil)
    #expect(train["description"] == "How it is trained.")
    let steps: JSONValue = [
      "type": "integer", "minimum": 1, "maximum": 100_000, "default": 8000, "description": "How many.",
    ]
    #expect(train["properties"]?["steps"] == steps)
    let rate = train["properties"]?["learning-rate"]?["anyOf"]?.items
    #expect(rate?.map { $0["type"] } == ["number", "null"], "null is a value where it is the default")
    #expect(train["properties"]?["schedule"]?["properties"]?["warm-up"]?["default"] == 0)
    let emit = stage["properties"]?["emit"]?["anyOf"]?.items.first
    #expect(emit?["type"] == "object" && emit?["required"] == ["per-class"])
    let names: JSONValue = ["enum": ["gradient", "consistency", "path"]]
    #expect(
      stage["properties"]?["model"]?["properties"]?["penalties"]?["anyOf"] == [
        names, ["type": "array", "items": names, "uniqueItems": true],
      ])
    let source = try #require(settings("source"))
    #expect(source["required"] == ["directory", "size"] && source["properties"]?["size"]?["required"] == ["height"])
  }

  @Test func explanationNests() {
    #expect(
      Painter.explanation == """
        painter (stage): Paints.
          checkpoint: path; must be given
              Where the model is kept.
          model: group of settings; may be left out
              What is trained.
            network: dcgan | resnet; default "dcgan"
                Its networks.
            loss: logistic | hinge; default "hinge"
                What is minimized.
            penalties: list of gradient | consistency | path; default []
                Added to the loss.
          train: group of settings; may be left out
              How it is trained.
            steps: whole number from 1 to 100000; default 8000
                How many.
            learning-rate: number from 0 to 1; may be left out
                The recipe's own if not given.
            start: path; may be left out
                Weights to begin with.
            schedule: group of settings; may be left out
                Of the learning rate.
              warm-up: whole number from 0 to 100000; default 0
                  Steps until the full rate.
              decay: linear | cosine; may be left out
                  The recipe's own if not given.
          emit: group of settings; may be left out
              What is added.
            per-class: whole number from 1 to 1000; must be given
                How many.
            truncation: number from 0 to 1; default 1
                Of the noise.
          A plain value is checkpoint: `painter: …`.
        """)
    #expect(Paintings.explanation.contains("\n  size: group of settings; must be given\n"))
  }

  struct Paired: StageComponent {
    static let declaration = Declaration(
      "paired", "One of several", of: Paired(either: Either(of: [])),
      Setting("either", .group([.required("of", .components([.augmentation]), "The choices")]), "Which"))

    static let kind = ComponentKind.augmentation
    struct Either: Codable { @Nested var of: [any StageComponent] }
    var either: Either
    var parts: [String: [any Component]] { ["either.of": either.of] }
    var role: Role { OneOf(either.of).role }
  }

  /// A group may hold components; they are named by the path of their setting.
  @Test func componentsInGroups() throws {
    let text = "source: {mnist: data}\nstages: [{paired: {either: {of: [invert, {rotate: 5}]}}}]"
    let stages = try PipelineFile.parse(
      text, overrides: ["stages.0.paired.either.of.1.rotate.fill=9"], registry: .standard.adding(Paired.self)
    ).stages
    #expect(((stages[0] as? Paired)?.either.of[1] as? Rotate)?.fill == [9])
  }
}
