/** The name of a machine's folder: the whole UUID, shorter than in hexadecimal: names of Unix sockets have 107 bytes. */
export function folderOf(id: string): string {
  return Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");
}

/** The machine a folder belongs to, if its name is one of ours. */
export function idOf(folder: string): string | undefined {
  const [, ...groups] =
    /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(Buffer.from(folder, "base64url").toString("hex")) ?? [];
  const id = groups.join("-");
  return id !== "" && folderOf(id) === folder ? id : undefined;
}
