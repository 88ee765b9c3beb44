/// Style of charts. The colors are distinguishable with color vision deficiency, on light and dark backgrounds.
package enum ChartStyle {
  /// Style sheet for a page with charts.
  package static let css =
    drawing + """

      @media (max-width: 900px) {
        .chart { font-size: 14.5px; }
        .chart .title { font-size: 16.5px; }
      }
      """

  /// Style sheet for a drawing that is not scaled to a small screen.
  static let drawing = """
    :root {
      color-scheme: light dark;
      --paper: #ffffff; --ink: #1a1d21; --muted: #667080; --rule: #e6e8ec; --axis: #a9b0ba;
      --c1: #2f5fd0; --c2: #d9680f; --c3: #0f8a7e; --c4: #a03aa8; --c5: #8a7a12; --c6: #6b7280;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #14171b; --ink: #e7eaee; --muted: #98a2b0; --rule: #262b32; --axis: #59626e;
        --c1: #7ea2ff; --c2: #ff9d4d; --c3: #4cc9b8; --c4: #d98be0; --c5: #d4c14a; --c6: #a5adb8;
      }
    }
    .chart { display: block; width: 100%; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", Roboto,
      "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; overflow: visible; }
    .chart text { fill: var(--muted); }
    .chart .title { fill: var(--ink); font-weight: 600; font-size: 13.5px; }
    .chart .name { fill: var(--ink); }
    .chart path { fill: none; }
    .chart .grid { stroke: var(--rule); }
    .chart .axis { stroke: var(--axis); }
    .chart .raw { stroke: var(--c); stroke-width: 1; opacity: .28; stroke-linejoin: round; }
    .chart .line { stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
    .chart .dashed { stroke-dasharray: 5 4; }
    .chart .dot { fill: var(--c); stroke: var(--paper); stroke-width: 1.2; }
    .chart .bar { fill: var(--c); }
    .chart .interval { stroke: var(--c, var(--ink)); stroke-width: 1.4; }
    .chart .paper { fill: var(--paper); }
    .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); }
    .s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .s6 { --c: var(--c6); }
    """
}
