/**
 * Who has extended OpenFlow 1.3, by the id that stands in front of what is theirs.
 * Neighbours: oxm-nicira.ts, action-nicira.ts, nicira-message.ts, multipart.ts use them.
 */

/** Nicira: Open vSwitch's own messages, actions and, since 2.4, fields. */
export const NICIRA = 0x2320
/** The Open Networking Foundation: parts of later versions for use on 1.3. */
export const ONF = 0x4f4e4600
/** Open vSwitch's fields of the network service header. */
export const NSH = 0x005ad650
