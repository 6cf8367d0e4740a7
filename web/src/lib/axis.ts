/**
 * The bounds of a logarithmic axis: powers of ten, above zero, finite and apart, whatever the values are. uPlot 1.6 walks from bounds that are no powers of
 * ten by steps that it rounds to zero, and so for ever.
 */
export function decades(low: number | null | undefined, high: number | null | undefined): [number, number] {
  const good = (v: number | null | undefined): v is number => typeof v === "number" && Number.isFinite(v) && v > 0;
  const bottom = Math.max(-4, Math.min(9, Math.floor(Math.log10(good(low) ? low : 0.001) + 1e-9)));
  const top = Math.max(bottom + 1, Math.min(12, Math.ceil(Math.log10(good(high) ? high : 1) - 1e-9)));
  return [Number(`1e${bottom}`), Number(`1e${top}`)];
}
