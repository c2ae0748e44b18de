/** An underlay of the kind that its options are of. Neighbours: underlay.ts (options), switch.ts. */
import { rawUnderlay } from './raw-underlay.ts'
import { udpUnderlay } from './udp-underlay.ts'
import type { Underlay, UnderlayHost, UnderlayOptions } from './underlay.ts'

/** @throws WireError on addresses and routes that are none */
export function openUnderlay(options: UnderlayOptions, host: UnderlayHost): Underlay {
  return 'port' in options ? rawUnderlay(options, host) : udpUnderlay(options, host)
}
