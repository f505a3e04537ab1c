import type { Strike, StrikeResult } from "../test/support/strike.ts";

interface Row {
  readonly fault: string;
  readonly step: string;
  readonly outcomes: Map<string, number>;
  slowest: number;
}

/** What was cut when, and what came of it. */
export class ChaosTable {
  readonly #rows = new Map<string, Row>();
  #struck = 0;
  #total = 0;
  #looks = 0;

  add({ step, fault, withDisks }: Strike, { struck, outcome, milliseconds }: StrikeResult): void {
    this.#total++;
    if (!struck) return;
    this.#struck++;
    const at = `${step}${withDisks ? " (disks)" : ""}`;
    const key = `${at}\0${fault}`;
    const row = this.#rows.get(key) ?? { fault, step: at, outcomes: new Map<string, number>(), slowest: 0 };
    row.outcomes.set(outcome, (row.outcomes.get(outcome) ?? 0) + 1);
    row.slowest = Math.max(row.slowest, milliseconds);
    this.#rows.set(key, row);
  }

  /** A machine's disk was compared with what its guest had been told, and nothing was missing unless said otherwise. */
  looked(): void {
    this.#looks++;
  }

  format(): string {
    const rows = [...this.#rows.values()]
      .toSorted((a, b) => a.step.localeCompare(b.step) || a.fault.localeCompare(b.fault))
      .map(({ step, fault, outcomes, slowest }) => [
        step,
        fault,
        [...outcomes].map(([outcome, count]) => `${count} × ${outcome}`).join("; "),
        `${(slowest / 1000).toFixed(1)} s`,
      ]);
    const all = [["at", "fault", "what came of it", "slowest"], ...rows];
    const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
    const lines = all.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
    const disks = `disks compared with what their guests were told ${this.#looks} times`;
    const summary = `${this.#total} moves, ${this.#struck} faults struck; ${disks}.`;
    return [...lines, "", summary].join("\n");
  }
}
