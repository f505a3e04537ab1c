export {
  createTestDomain,
  memoryTransport,
  type TestDomain,
  type TestDomainOptions,
  testPassword,
} from "./create-test-domain.ts";
