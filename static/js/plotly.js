// Plotly is large, so that it is loaded by pages with charts alone, once, and not before a chart is to be drawn.
let library = null;

export function plotly(url) {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { library = null; reject(new Error(url)); };
    document.head.append(script);
  });
  return library;
}

export function purge() {
  for (const place of document.querySelectorAll(".js-plotly-plot")) window.Plotly?.purge(place);
}
