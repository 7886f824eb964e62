"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function themed(layout) {
  const ink = colour("--ink"), line = colour("--line"), card = colour("--card");
  const narrow = window.innerWidth < 560;
  const found = {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: narrow ? 11 : 12, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
    dragmode: narrow ? false : "zoom", // a finger scrolls the page
  };
  for (const name of Object.keys(found)) {
    if (/^[xy]axis\d*$/.test(name)) {
      found[name] = {
        ...found[name], gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true,
      };
    }
  }
  return found;
}

function draw() {
  for (const [id, figure] of Object.entries(figures)) {
    Plotly.react(id, figure.data, themed(figure.layout), { responsive: true, displayModeBar: false });
  }
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
