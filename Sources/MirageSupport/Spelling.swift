/// The American spelling of a setting's name or value, for pipeline files and checkpoints written with the older names:
/// `colour` is `color`, `memorisation` is `memorization`. Other names are returned unchanged.
package func americanSpelling(_ name: String) -> String {
  name.replacing("colour", with: "color").replacing("grey", with: "gray").replacing("centre", with: "center")
    .replacing("isation", with: "ization").replacing("neighbour", with: "neighbor")
}
