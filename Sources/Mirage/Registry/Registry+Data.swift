extension Registry {
  static let sources: [Entry] = [
    .plain(
      MNIST.self, .source, "MNIST and everything in its IDX format, plain or .gz", primary: "directory",
      [
        Field("directory", .path, "where the files are; MNIST/raw and the like are found below it"), split(),
        Field("prefix", .string, "", "what stands before train in the names, such as emnist-letters-"),
        Field("transpose", .boolean, false, "swap rows and columns, as EMNIST needs"),
        Field("classes", .strings, [], "the classes' names; else those in classes.txt, or numbers"),
      ]),
    .plain(
      CIFAR10.self, .source, "CIFAR-10, binary or Python version, folder or .tar.gz", primary: "directory",
      [Field("directory", .path, "the folder or archive, or a folder that holds it"), split()]),
    .plain(
      CIFAR100.self, .source, "CIFAR-100, binary version, folder or .tar.gz", primary: "directory",
      [
        Field("directory", .path, "the folder or archive, or a folder that holds it"), split(),
        Field("labels", .choice(["fine", "coarse"]), "fine", "the 100 classes or the 20 groups"),
      ]),
    .plain(
      CelebA.self, .source, "CelebA's aligned faces, in a folder or in their zip archive, with annotations",
      primary: "directory",
      [
        Field("directory", .path, "what holds img_align_celeba or its .zip, and the lists"),
        split(CelebA.Part.allCases.map(\.rawValue)),
        Field("label", .string, "", "an attribute such as Smiling, or identity; nothing for no label"), channels,
      ]),
    .plain(
      ImageFolder.self, .source, "PNG and JPEG files in class folders, flat, or listed in metadata.jsonl",
      primary: "directory",
      [
        Field("directory", .path, "the folder"), channels,
        Field("label", .string, "label", "the column of metadata.jsonl that holds the label"),
      ]),
    .plain(
      WebDataset.self, .source, "WebDataset's tar shards", primary: "directory",
      [
        Field("directory", .path, "a folder of shards, or one shard"), channels,
        Field("classes", .strings, [], "the classes' names; else those of the json members, or numbers"),
      ]),
    Entry(
      name: Interleave.name, kind: .source, summary: "Several sources mixed by weights",
      fields: [
        Field("sources", .components([.source]), "the sources"),
        Field("weights", .numbers(0...Double.infinity, count: 1...1000), .null, "one for each; equal if not given"),
        Field(
          "until", .choice(Interleave.End.allCases.map(\.rawValue)), "shortest",
          "end with the first source that runs out, or let the shorter ones start over"),
      ], primary: "sources"
    ) { settings, parts in
      struct Settings: Decodable {
        var weights: [Double]?
        var until: Interleave.End
      }
      let own = try settings.decoded(as: Settings.self)
      return try Interleave(parts["sources"]!.map(source), weights: own.weights, until: own.until)
    },
    Entry(
      name: PipelineSource.name, kind: .source,
      summary: "A source with stages of its own, such as one branch of interleave",
      fields: [
        Field("source", .component([.source]), "the branch's source"),
        Field("stages", .components([.augmentation, .stage]), [], "the branch's stages"),
      ], primary: nil
    ) { _, parts in
      PipelineSource(try source(parts["source"]![0]), stages: try (parts["stages"] ?? []).map(stage))
    },
  ]

  static let sinks: [Entry] = [
    .plain(
      ImageFolderSink.self, .sink, "Image files in class folders, with metadata.jsonl", primary: "directory",
      [Field("directory", .path, "the folder that is made"), format, compression, quality]),
    .plain(
      WebDatasetSink.self, .sink, "WebDataset's tar shards", primary: "directory",
      [
        Field("directory", .path, "the folder that is made"),
        Field("prefix", .string, "data", "shards are named <prefix>-000000.tar"),
        Field("samples-per-shard", .integer(1...Int.max), 10_000, "how many samples a shard holds"), format,
        compression,
        quality,
      ]),
    .plain(
      IDXSink.self, .sink, "MNIST's IDX files; both splits may share a folder", primary: "directory",
      [
        Field("directory", .path, "the folder; torchvision looks in <root>/FashionMNIST/raw"), split(),
        Field("gzip", .boolean, false, "write .gz, which torchvision's classes do not open"),
        Field("compression", .integer(1...9), 6, "of gzip: 1 is fast, 9 is small"),
      ]),
    .plain(
      CIFARSink.self, .sink, "CIFAR-10's batches of 32 x 32 RGB images, binary or Python version", primary: "directory",
      [
        Field("directory", .path, "the folder"),
        Field("format", .choice(CIFARSink.Format.allCases.map(\.rawValue)), "binary", "which of CIFAR-10's versions"),
        split(),
        Field("archive", .boolean, false, "write the .tar.gz instead of plain files"),
      ]),
  ]
}
