import MirageSupport
import Testing

/// The first difference between two fingerprints, in words.
@Suite struct FingerprintTests {
  @Test(
    arguments: [
      (["a": 1], ["a": 1], nil), (["a": 1], ["a": 2], "a was 1, and is 2 now"),
      (["a": ["b": "x", "c": 1]], ["a": ["b": "y", "c": 2]], "a.b was x, and is y now"),
      (["a": ["b": 1]], ["a": [:]], "a.b was 1, and is missing now"),
      ([:], ["z": true], "z was missing, and is true now"),
      (["a": [1, 2]], ["a": [1, 3]], "a was [1,2], and is [1,3] now"),
      (["s": [["rotate": 1], ["crop": 2]]], ["s": [["rotate": 1], ["crop": 3]]], "s.1.crop was 2, and is 3 now"),
      (["s": [["rotate": 1]]], ["s": []], "s was [{\"rotate\": 1}], and is [] now"),
    ] as [([String: JSONValue], [String: JSONValue], String?)])
  func firstDifference(_ before: [String: JSONValue], _ now: [String: JSONValue], _ words: String?) {
    let (earlier, later) = (Fingerprint(before), Fingerprint(now))
    #expect(later.firstDifference(from: earlier) == words)
    #expect((later.digest == earlier.digest) == (words == nil))
  }
}
