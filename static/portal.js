// The few things staff pages do by script: live parts that lost their session, forms sent once, charts.
(() => {
  "use strict";

  // A redirect is never painted into a card: an ended session (the login page) reloads, any other one is followed.
  addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    const answered = xhr.responseURL && new URL(xhr.responseURL).pathname;
    if (answered && answered !== new URL(requestConfig.path, location.href).pathname) {
      event.detail.shouldSwap = false;
      if (answered.endsWith("/login/")) location.reload();
      else location.assign(xhr.responseURL);
    }
  });

  // Lost connection: the old content stays, one line says so until an answer comes.
  const offline = (lost) => {
    const line = document.getElementById("net");
    if (line) line.hidden = !lost;
  };
  for (const name of ["htmx:sendError", "htmx:timeout"]) addEventListener(name, () => offline(true));
  addEventListener("htmx:afterRequest", (event) => event.detail.successful && offline(false));

  // A second click sends nothing; after ten seconds (a download leaves the page standing) or on the way back
  // the form is usable again. Only comfort: that nothing happens twice is the server's business.
  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    else {
      form.dataset.sent = "1";
      setTimeout(() => delete form.dataset.sent, 10_000);
    }
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // Charts. <div class="chart" data-chart="ID"> draws the json_script with that id:
  //   {kind: "columns" | "lines" | "rows", unit: "wan" | "pct" | "count", labels: [...],
  //    series: [{name, values: [...], tone?}], min?, max?, below?}
  // Values are integers: fen for wan, hundredths of a percent for pct. Only here do they become decimals.
  const css = getComputedStyle(document.documentElement);
  const token = (name) => css.getPropertyValue(name).trim();
  const unit = {
    wan: { scale: 1e6, digits: 2, suffix: "" },
    pct: { scale: 100, digits: 2, suffix: "%" },
    count: { scale: 1, digits: 0, suffix: "" },
  };
  const tones = { main: "--accent", side: "--accent-mid", quiet: "--hatch", warn: "--warn-mark", risk: "--risk" };
  const order = ["side", "main", "quiet"];

  function option(spec) {
    const { scale, digits, suffix } = unit[spec.unit];
    const say = (value) =>
      value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + suffix;
    const text = { color: token("--ink-2"), fontSize: 12, fontFamily: token("--font") };
    const names = {
      type: "category", data: spec.labels, axisLabel: text, axisTick: { show: false },
      axisLine: { lineStyle: { color: token("--line-2") } },
    };
    const values = {
      type: "value", min: spec.min === undefined ? undefined : spec.min / scale,
      max: spec.max === undefined ? undefined : spec.max / scale,
      axisLabel: { ...text, formatter: (v) => v.toLocaleString("en-US") + suffix },
      splitLine: { lineStyle: { color: token("--line") } },
    };
    const rows = spec.kind === "rows";
    const series = spec.series.map((one, i) => {
      const color = token(tones[one.tone || (rows ? "side" : order[i % order.length])]);
      const data = one.values.map((v) => (v === null ? null : v / scale));
      if (spec.kind === "lines") {
        const dashed = one.tone === "quiet";
        return { name: one.name, type: "line", data, color, symbolSize: 7, symbol: dashed ? "emptyCircle" : "circle",
          lineStyle: { width: 2, type: dashed ? "dashed" : "solid" } };
      }
      if (!rows) return { name: one.name, type: "bar", data, color, barMaxWidth: 18, barGap: "20%" };
      // Rows: what lies below the line someone set stands out, the rest stays calm.
      const marked = data.map((v) => ({
        value: v, itemStyle: spec.below !== undefined && v * scale < spec.below ? { color: token("--warn-mark") } : {},
      }));
      return { name: one.name, type: "bar", data: marked, color, barWidth: 10, itemStyle: { borderRadius: 2 },
        label: { show: true, position: "right", ...text, formatter: (p) => say(p.value) } };
    });
    return {
      animation: false, textStyle: text, series,
      // richText: the HTML tooltip would need inline styles, which the content policy refuses.
      tooltip: { trigger: "axis", renderMode: "richText", valueFormatter: (v) => (v == null ? "—" : say(v)) },
      legend: { show: spec.series.length > 1, top: 0, left: 0, itemWidth: 12, itemHeight: 12, icon: "roundRect", textStyle: text },
      grid: { left: 8, right: rows ? 64 : 16, top: spec.series.length > 1 ? 36 : 12, bottom: 4, containLabel: true },
      xAxis: rows ? { ...values, show: false } : names,
      yAxis: rows ? { ...names, inverse: true, axisLine: { show: false } } : values,
    };
  }

  addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll("[data-chart]")) {
      const spec = JSON.parse(document.getElementById(box.dataset.chart).textContent);
      const chart = window.echarts.init(box, null, { renderer: "svg" });
      chart.setOption(option(spec));
      addEventListener("resize", () => chart.resize());
    }
  });
})();
