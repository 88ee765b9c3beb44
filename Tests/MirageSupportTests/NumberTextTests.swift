import MirageSupport
import Testing

@Suite struct NumberTextTests {
  @Test(arguments: [
    (0, 2, "0.00"), (1.005, 1, "1.0"), (0.25, 1, "0.3"), (-0.25, 1, "-0.3"), (-0.001, 2, "0.00"), (1234.5, 1, "1234.5"),
    (99.999, 2, "100.00"), (7, 0, "7"), (1e20, 2, "1e20"), (-.infinity, 2, "-inf"), (.nan, 2, "nan"),
  ]) func fixed(_ value: Double, _ decimals: Int, _ text: String) {
    #expect(NumberText.fixed(value, decimals: decimals) == text)
  }

  @Test(arguments: [
    (0, "0"), (12.345, "12.35"), (-3.0, "-3"), (1234.5678, "1234.57"), (0.001, "0"), (1e300, "1e+300"), (.nan, "nan"),
    (.infinity, "inf"),
  ]) func rounded(_ value: Double, _ text: String) {
    #expect(NumberText.rounded(value, decimals: 2) == text)
  }

  @Test(arguments: [
    (0, "0.00"), (1, "100.00"), (0.8712, "87.12"), (0.87125, "87.13"), (-0.012, "-1.20"), (-1e-6, "0.00"),
  ])
  func percent(_ value: Double, _ text: String) {
    #expect(NumberText.percent(value) == text)
  }

  @Test(arguments: [
    (0, "0", "0"), (999, "999", "999"), (-1000, "-1,000", "−1,000"), (60_000, "60,000", "60,000"),
    (Int.min, "-9,223,372,036,854,775,808", "−9,223,372,036,854,775,808"),
  ]) func grouped(_ value: Int, _ plain: String, _ typographic: String) {
    #expect(NumberText.grouped(value) == plain)
    #expect(NumberText.grouped(value, .typographic) == typographic)
  }

  @Test(arguments: [
    (0, "0", "0"), (0.012345, "0.01235", "0.01235"), (-12.3456, "-12.35", "−12.35"), (12345.6, "12,346", "12,346"),
    (-2.5e-7, "-2.5e-7", "−2.5×10⁻⁷"), (1e12, "1e12", "10¹²"), (9.9996e9, "1e10", "10¹⁰"),
    (.leastNonzeroMagnitude, "4.941e-324", "4.941×10⁻³²⁴"), (.nan, "nan", "–"), (-.infinity, "-inf", "–"),
  ]) func significant(_ value: Double, _ plain: String, _ typographic: String) {
    #expect(NumberText.significant(value) == plain)
    #expect(NumberText.significant(value, .typographic) == typographic)
  }

  /// Charts separate the thousands of every number.
  @Test func fixedInCharts() {
    #expect(NumberText.fixed(-1234.5, decimals: 2, .typographic) == "−1,234.50")
    #expect(NumberText.fixed(.nan, decimals: 2, .typographic) == "–")
  }

  @Test(arguments: [("1.500", "1.5"), ("1.00", "1"), ("100", "100"), ("0.0", "0")])
  func trimmed(_ number: String, _ text: String) {
    #expect(NumberText.trimmed(number) == text)
  }

  @Test(arguments: [
    (0.4, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (600, "10 min"), (8040, "2 h 14 min"), (90_000, "1 d 1 h"),
  ]) func duration(_ seconds: Double, _ text: String) {
    #expect(NumberText.duration(seconds) == text)
  }

  @Test(arguments: [
    (0, "0:00"), (65.9, "1:05"), (3599, "59:59"), (3725, "1:02:05"), (-1, "0:00"), (.infinity, "277777:46:40"),
  ])
  func clock(_ seconds: Double, _ text: String) {
    #expect(NumberText.clock(seconds) == text)
  }
}
