import { stripVTControlCharacters } from "node:util";

/** One line at the foot of the terminal that is written over and over; nothing at all where there is no terminal. */
export class LiveLine {
  readonly #terminal = process.stderr;

  get isLive(): boolean {
    return this.#terminal.isTTY === true;
  }

  /** A line that breaks could not be taken back: it is cut to the terminal's width. */
  show(text: string): void {
    if (!this.isLive) return;
    const width = (this.#terminal.columns || 80) - 1;
    this.#terminal.write(`\r\x1b[K${stripVTControlCharacters(text).slice(0, width)}`);
  }

  clear(): void {
    if (this.isLive) this.#terminal.write("\r\x1b[K");
  }
}
