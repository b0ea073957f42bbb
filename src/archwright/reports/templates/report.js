"use strict";
(function () {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");

  function recoloured(value) {
    if (typeof value === "string") return Object.hasOwn(data.dark, value) ? data.dark[value] : value;
    if (Array.isArray(value)) return value.map(recoloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recoloured(item)]));
    }
    return value;
  }

  // Small panels: as many beside each other as fit.
  function reflow(layout, columns) {
    const { panels, row, gap, title } = layout.meta, { t, b } = layout.margin;
    const rows = Math.ceil(panels / columns), inner = rows * row - gap;
    layout.height = t + b + inner;
    layout.legend.y = 1 + title / inner;
    Object.assign(layout.grid, { rows, columns });
    for (let i = 0; i < panels; i++) {
      const suffix = i ? i + 1 : "";
      layout["xaxis" + suffix].showticklabels = i + columns >= panels;
      layout["yaxis" + suffix].showticklabels = i % columns === 0;
    }
  }

  function draw(onPaper) {
    const elements = [...document.querySelectorAll("[data-figure]")];
    const isDark = dark.matches && !onPaper;
    Promise.all(elements.map((element) => {
      let figure = structuredClone(data.figures[element.dataset.figure]);
      if (isDark) figure = recoloured(figure);
      if (onPaper) {
        figure.layout.width = 640;
      } else if (narrow.matches && figure.layout.meta && figure.layout.meta.panels) {
        reflow(figure.layout, Math.min(2, figure.layout.meta.panels));
      } else if (narrow.matches) {
        figure.layout.height = 320;
        figure.layout.margin = { l: 40, r: 8, t: 40, b: 44 };
        figure.layout.yaxis.title.text = "";
      }
      return Plotly.newPlot(element, figure.data, figure.layout, {
        responsive: true,
        displayModeBar: false,
      });
    })).then(() => { document.documentElement.dataset.drawn = isDark ? "dark" : "light"; });
  }

  draw(false);
  dark.addEventListener("change", () => draw(false));
  narrow.addEventListener("change", () => draw(false));
  window.addEventListener("beforeprint", () => draw(true));
  window.addEventListener("afterprint", () => draw(false));
})();
