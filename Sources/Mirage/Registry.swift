extension Registry {
  /// All components of Mirage.
  public static let standard = Registry([
    // The first format that recognizes a directory is taken, so the more specific formats come first.
    MNIST.self, CIFAR100.self, CIFAR10.self, CelebA.self, WebDataset.self, ImageFolder.self, ImagePairs.self,
    Interleave.self, PipelineSource.self, GANSource.self,
    Rotate.self, Affine.self, Perspective.self, Elastic.self, RandomCrop.self, CenterCrop.self, RandomResizedCrop.self,
    Resize.self, Pad.self, HorizontalFlip.self, VerticalFlip.self, Transpose.self,
    Brightness.self, Contrast.self, Saturation.self, Sharpness.self, Hue.self, Gamma.self, Posterize.self,
    Solarize.self, Invert.self, Equalize.self, Autocontrast.self, Grayscale.self, GaussianBlur.self, MotionBlur.self,
    Edges.self,
    GaussianNoise.self, SaltAndPepper.self, JPEGCompression.self, Shade.self, FixedPatternNoise.self,
    ChannelJitter.self,
    Erase.self, GridDropout.self, RandAugment.self, TrivialAugmentWide.self, OneOf.self, SomeOf.self, Sometimes.self,
    Copies.self, Repeat.self, Take.self, Skip.self, Shuffle.self, Filter.self, Balance.self, Subset.self, Mixup.self,
    CutMix.self, Background.self, Scale.self, Normalize.self, ConditionalGAN.self, CycleTranslation.self,
    ContrastiveTranslation.self, PixToPixTranslation.self,
    Translate.self, GANEmit.self,
    ImageFolderSink.self, WebDatasetSink.self, IDXSink.self, CIFARSink.self,
  ])
}
