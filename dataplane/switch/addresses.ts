/** Addresses that nobody chose, and those that somebody did. Neighbours: switch.ts, devices.ts. */
import { createHash } from 'node:crypto'
import { parseMac } from '../../southbound/wire/address.ts'

/** What an operator wrote, when it is the address of one station. */
export function validMac(text: string | undefined): number | undefined {
  if (text === undefined || !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return undefined
  const mac = parseMac(text)
  const isMulticast = (Math.floor(mac / 2 ** 40) & 1) === 1
  return mac === 0 || isMulticast ? undefined : mac
}

/** Locally administered, unicast; `random` from 0 to 1. */
export function randomMac(random: () => number): number {
  return 0x02_00_00_00_00_00 + Math.floor(random() * 2 ** 40)
}

/** The same for the same text: a bridge whose row comes back from a file is the same bridge. */
export function macOf(text: string): number {
  return 0x02_00_00_00_00_00 + createHash('sha256').update(text).digest().readUIntBE(0, 5)
}

/** other_config:datapath-id: 16 hexadecimal digits, or 0x and at most 16. Not zero. */
export function validDatapathId(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^([0-9a-f]{16}|0x[0-9a-f]{1,16})$/i.test(text)) return undefined
  const id = BigInt(`0x${text.replace(/^0x/i, '')}`)
  return id === 0n ? undefined : id
}
