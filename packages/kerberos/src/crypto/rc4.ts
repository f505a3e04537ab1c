/** The RC4 stream cipher over `data`, from the start of the key stream: as RFC 4757 uses it. Not in Node's OpenSSL. */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = new Uint8Array(256);
  for (let index = 0; index < 256; index++) state[index] = index;
  for (let i = 0, j = 0; i < 256; i++) {
    const value = state[i] ?? 0;
    j = (j + value + (key[i % key.length] ?? 0)) & 0xff;
    state[i] = state[j] ?? 0;
    state[j] = value;
  }
  const out = new Uint8Array(data.length);
  for (let at = 0, i = 0, j = 0; at < data.length; at++) {
    i = (i + 1) & 0xff;
    const left = state[i] ?? 0;
    j = (j + left) & 0xff;
    const right = state[j] ?? 0;
    state[i] = right;
    state[j] = left;
    out[at] = (data[at] ?? 0) ^ (state[(left + right) & 0xff] ?? 0);
  }
  return out;
}
