import { configureGlobal } from "fast-check";

// The same cases in every run, so that a run says something of a change; the fuzz command, which sets the number of
// runs, looks for new ones.
if (process.env.WAYBILL_FUZZ_RUNS === undefined) configureGlobal({ seed: 20_261_122 });
