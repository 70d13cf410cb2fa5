// Sparklines: one small canvas each, drawn from numbers in the page; a table beside them says the same.
function draw(canvas) {
  const values = canvas.dataset.values.split(",").map(Number);
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  const colour = getComputedStyle(canvas).color;
  const top = Math.max(...values, 1e-9);
  pen.scale(ratio, ratio);
  const spot = (value, at) => [at / Math.max(1, values.length - 1) * width, height - 2 - value / top * (height - 5)];
  pen.beginPath();
  values.forEach((value, at) => pen.lineTo(...spot(value, at)));
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.lineJoin = "round";
  pen.stroke();
  pen.lineTo(width, height);
  pen.lineTo(0, height);
  pen.globalAlpha = 0.1;
  pen.fillStyle = colour;
  pen.fill();
}

export function drawAll() {
  for (const canvas of document.querySelectorAll("canvas[data-values]")) draw(canvas);
}

export function startSparks() {
  drawAll();
  let frame = 0;
  addEventListener("resize", () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(drawAll); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
}
