/// Style of a training report; its colors are those of `ChartStyle`.
enum ReportStyle {
  static let css = """
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 1128px; padding: 56px 32px 40px; background: var(--paper); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
      font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
    h1 { margin: 0; font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -.02em;
      overflow-wrap: anywhere; }
    h2 { margin: 0 0 12px; font-size: 15px; font-weight: 600; }
    p { margin: 0; }
    figure { margin: 0; }
    .status { margin-top: 10px; font-weight: 500; overflow-wrap: anywhere; }
    .status::before { content: ""; display: inline-block; width: 9px; height: 9px; margin-right: 9px;
      border-radius: 50%; background: var(--dot); }
    .running { --dot: var(--c1); } .finished { --dot: var(--c3); }
    .interrupted { --dot: var(--c2); } .stopped { --dot: #d2373c; }
    .about, footer { color: var(--muted); font-size: 13.5px; }
    .about { margin-top: 2px; }
    progress { display: block; width: 100%; height: 4px; margin: 14px 0 12px; border: 0; border-radius: 2px;
      overflow: hidden; appearance: none; background: var(--rule); }
    progress::-webkit-progress-bar { background: var(--rule); }
    progress::-webkit-progress-value { background: var(--c1); }
    progress::-moz-progress-bar { background: var(--c1); }
    main > * { margin-top: 48px; }
    main > .metrics { max-width: 504px; }
    .overview { display: grid; grid-template-columns: minmax(0, 608px) minmax(0, 1fr); gap: 56px; }
    .overview .tables { display: block; margin-top: 36px; }
    .samples > * + h2 { margin-top: 40px; }
    .large { display: block; max-width: 100%; height: auto; border-radius: 3px; background: var(--rule); }
    .crisp { image-rendering: pixelated; }
    figcaption { margin-top: 10px; color: var(--muted); font-size: 13.5px; }
    ol { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 12px; margin: 20px 0 0; padding: 0;
      list-style: none; }
    li { color: var(--muted); font-size: 12px; text-align: center; }
    li[tabindex] { cursor: pointer; }
    li[aria-current] { color: var(--ink); font-weight: 600; }
    li[aria-current] .small { outline: 2px solid var(--c1); outline-offset: 2px; }
    .small { display: block; width: 100%; height: auto; margin-bottom: 5px; border-radius: 2px; }
    .tables { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 40px 56px;
      align-items: start; }
    table { width: 100%; border-collapse: collapse; }
    caption { padding: 0 0 8px; text-align: left; }
    caption, thead th { font-size: 13.5px; font-weight: 600; color: var(--ink); }
    tr > * { padding: 7px 0; border-top: 1px solid var(--rule); vertical-align: baseline; text-align: left; }
    tr > * + * { padding-left: 14px; }
    th { font-weight: 400; }
    thead th { border: 0; padding-top: 0; padding-bottom: 8px; }
    thead th + th { color: var(--muted); font-weight: 400; }
    .metrics tr > * + * { text-align: right; white-space: nowrap; }
    .metrics td { font-size: 19px; font-weight: 500; letter-spacing: -.01em; }
    .metrics td + td { font-size: 15px; font-weight: 400; }
    .metrics .step, .metrics span { color: var(--muted); font-size: 13.5px; }
    .metrics span { display: block; line-height: 1.3; font-size: 12.5px; }
    .facts { font-size: 14px; }
    .facts th { width: 42%; color: var(--muted); overflow-wrap: break-word; }
    .facts td { overflow-wrap: anywhere; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 44px 56px; }
    footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--rule); }
    @media (max-width: 900px) {
      body { padding: 32px 18px; }
      h1 { font-size: 25px; }
      main { display: flex; flex-direction: column; }
      .overview, .beside { display: contents; }
      main section { margin-top: 36px; }
      .charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 30px 40px; }
      .charts figure { max-width: 560px; }
      .tables { order: 1; }
      .large { width: 100%; }
    }
    @media (max-width: 480px) {
      ol { grid-template-columns: repeat(4, minmax(0, 1fr)); }
    }
    @media print {
      body { padding: 0; }
      figure, table { break-inside: avoid; }
    }
    """
}
