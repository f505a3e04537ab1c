// Programs that are not ours against a whole running host: pywinrm with message encryption, curl with SPNEGO.
import { describe } from "vitest";

describe.todo("Foreign clients of a running host");
