import type { WritableDirectory } from "../../src/index.ts";

export const group = "Numbered";

/** Step n: a user with a service name and a membership; every third step deletes the user before last. */
export function applyStep(directory: WritableDirectory, step: number): void {
  directory.change((editor) => {
    editor.createUser({
      name: `u${step}`,
      spns: [`http/u${step}.lab.test`],
      groups: [group],
      attributes: { description: String(step) },
    });
    if (isDeleted(step - 2, step)) editor.delete(`u${step - 2}`);
  });
}

/** Whether the user of a step is gone once `last` steps were carried out. */
export function isDeleted(step: number, last: number): boolean {
  return step >= 0 && (step + 2) % 3 === 0 && step + 2 <= last;
}
