/** What a custom property of the stylesheet is here, as a canvas takes it: #rrggbb. */
export function colourOf(near: Element, property: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${property})`;
  near.append(probe);
  const parts = /rgba?\((\d+),\s*(\d+),\s*(\d+)/.exec(getComputedStyle(probe).color);
  probe.remove();
  return parts ? "#" + parts.slice(1, 4).map((n) => Number(n).toString(16).padStart(2, "0")).join("") : "#888888";
}

/** Calls back whenever the colours change: by choice here, or with those of the system. Canvases must be drawn anew then. Returns what ends it. */
export function onColours(changed: () => void): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  addEventListener("neurod-theme", changed);
  dark.addEventListener("change", changed);
  return () => {
    removeEventListener("neurod-theme", changed);
    dark.removeEventListener("change", changed);
  };
}
