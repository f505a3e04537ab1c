/** What one bench module measured: rows of times, the first column ours, the others what it is compared with. */
export interface BenchTable {
  readonly title: string;
  /** Of the values: `µs`, `ms`, … Smaller is better. */
  readonly unit: string;
  /** Names of the columns; the first is ours. */
  readonly columns: readonly string[];
  readonly rows: readonly BenchRow[];
  /** What the numbers include and leave out. */
  readonly note?: string | undefined;
}

export interface BenchRow {
  readonly name: string;
  /** Medians, one for each column; `undefined` where there is nothing to compare. */
  readonly values: readonly (number | undefined)[];
}

/** Columns of medians; beside each comparison how many times ours it takes, which is what survives another machine. */
export function formatBenchTable({ title, unit, columns, rows, note }: BenchTable): string {
  const [ours = "", ...others] = columns;
  const header = ["", ours, ...others.flatMap((name) => [name, "× ours"])];
  const body = rows.map(({ name, values: [own, ...rest] }) => [
    name,
    shown(own),
    ...rest.flatMap((value) => [shown(value), ratio(value, own)]),
  ]);
  const widths = header.map((cell, at) =>
    Math.max(...[header, ...body].map((row) => (row[at] ?? cell).length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ");
  return [`${title} (${unit})`, line(header), ...body.map(line), ...(note === undefined ? [] : [note])].join(
    "\n",
  );
}

function shown(value: number | undefined): string {
  if (value === undefined) return "–";
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function ratio(value: number | undefined, own: number | undefined): string {
  return value === undefined || own === undefined ? "–" : shown(value / own);
}

/** Median of a call's time in microseconds, each sample a batch that lasts a few milliseconds. */
export function microsecondsPerCall(calls: Readonly<Record<string, () => unknown>>): Map<string, number> {
  const samples = new Map(Object.keys(calls).map((name): [string, number[]] => [name, []]));
  // In turn, so that a busy moment of the machine meets all alike; the first rounds warm up.
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const [name, call] of Object.entries(calls)) {
      const sample = batch(call);
      if (round >= warmUp) samples.get(name)?.push(sample);
    }
  }
  return new Map([...samples].map(([name, values]) => [name, median(values)]));
}

const rounds = 15;
const warmUp = 3;
const batchMilliseconds = 20;

function batch(call: () => unknown): number {
  const start = performance.now();
  let calls = 0;
  let now = start;
  while (now - start < batchMilliseconds) {
    const turns = Math.max(1, Math.min(calls, 1000));
    for (let turn = 0; turn < turns; turn++) call();
    calls += turns;
    now = performance.now();
  }
  return ((now - start) * 1000) / calls;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
