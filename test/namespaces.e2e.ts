// Two hosts in network namespaces of their own, and a third one the guest talks to while it moves.
import { describe } from "vitest";

describe.todo("Hosts in separate network namespaces");
