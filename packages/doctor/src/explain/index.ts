/**
 * The knowledge base behind `waybill explain`: codes of Windows, Kerberos, WinRM, WMI and of Waybill itself, event
 * ids and sentences from error messages, each with its meaning, its ranked causes and the remedy.
 */
export * from "./entry.ts";
export * from "./explain.ts";
export { knowledgeBase } from "./knowledge-base.ts";
