// What a listener on the wire sees of a move: nothing of the guest in clear, TLS 1.3 with AES-128-GCM, sealed control.
import { describe } from "vitest";

describe.todo("The wire during a move");
