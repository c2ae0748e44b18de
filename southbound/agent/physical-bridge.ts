/**
 * A bridge that leads to a physical network, as one value of other_config: hardware_vtep has no table of bridges. The
 * controller writes `weft-bridge-NAME`, the operator of a host may offer a bridge of its own by `weft-offers`.
 * Neighbours: other-config.ts has the keys, rows.ts reads them, a back end makes the bridges.
 */

import { keys } from './other-config.ts'

/** VIDs from the first to the second. */
export type VidSpan = readonly [first: number, last: number]

export interface PhysicalBridge {
  readonly name: string
  /** To be made and kept; else it is the host's own, which is joined and otherwise left as it is. */
  readonly isOurs: boolean
  /** Interfaces of the host, sorted. */
  readonly uplinks: readonly string[]
  /** Of the bridge and its uplinks; undefined: as they are. */
  readonly mtuBytes: number | undefined
  /** Tagged frames that its uplinks carry, ascending and apart; undefined: all. */
  readonly vids: readonly VidSpan[] | undefined
  /** Id of the physical network that its uplinks lead to. */
  readonly physicalNetwork: string | undefined
}

const NAME = /^(?!\.\.?$)[\w.-]{1,15}$/
const ID = /^[\w.-]{1,63}$/
const LAST_VID = 4094

/** `uplinks=eth1,eth2 mtu=9000 vids=7,100-199 physical-network=office`; what there is none of is left out. */
export function formatBridge(bridge: Omit<PhysicalBridge, 'name' | 'isOurs'>): string {
  const { uplinks, mtuBytes, vids, physicalNetwork } = bridge
  const words = {
    uplinks: uplinks.length > 0 ? [...uplinks].sort().join() : undefined,
    mtu: mtuBytes,
    vids: vids?.map(formatSpan).join(),
    'physical-network': physicalNetwork,
  }
  return Object.entries(words)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))
    .join(' ')
}

/** `7` or `100-199`. */
export const formatSpan = ([first, last]: VidSpan): string =>
  first === last ? `${first}` : `${first}-${last}`

/** A bridge of the controller's. @returns the word that nobody could follow in place of one that is wrong */
export function parseBridge(name: string, text: string): PhysicalBridge | { wrong: string } {
  if (!NAME.test(name)) return { wrong: name }
  const words = new Map<string, string>()
  for (const word of text.split(' ').filter((each) => each !== '')) {
    const [key = '', value, ...more] = word.split('=')
    if (value === undefined || more.length > 0 || words.has(key)) return { wrong: word }
    words.set(key, value)
  }
  const take = (key: string) => {
    const value = words.get(key)
    words.delete(key)
    return value
  }
  const [uplinks = '', mtu, vids, physicalNetwork] = [
    take('uplinks'),
    take('mtu'),
    take('vids'),
    take('physical-network'),
  ]
  const names = uplinks === '' ? [] : [...new Set(uplinks.split(','))].sort()
  const spans = vids?.split(',').map(parseSpan)
  const [unknown] = words.keys()
  const wrong =
    unknown ??
    names.find((each) => !NAME.test(each)) ??
    (mtu === undefined || /^\d{2,5}$/.test(mtu) ? undefined : mtu) ??
    (spans?.includes(undefined) ? vids : undefined) ??
    (physicalNetwork === undefined || ID.test(physicalNetwork) ? undefined : physicalNetwork)
  if (wrong !== undefined) return { wrong }
  return {
    ...{ name, isOurs: true, uplinks: names, physicalNetwork },
    mtuBytes: mtu === undefined ? undefined : Number(mtu),
    vids: spans as VidSpan[] | undefined,
  }
}

/** What the keys of a Physical_Switch ask for, sorted by name; `wrong`: names, and the word that nobody could follow. */
export function bridgesOf(config: Readonly<Record<string, string>>): {
  readonly bridges: readonly PhysicalBridge[]
  readonly wrong: readonly (readonly [name: string, word: string])[]
} {
  const wrong: [string, string][] = []
  // One that is to be made goes before an offer of the same name.
  const found = new Map(parseOffers(config[keys.offers] ?? '').map((each) => [each.name, each]))
  for (const [key, text] of Object.entries(config)) {
    if (!key.startsWith(keys.bridge)) continue
    const name = key.slice(keys.bridge.length)
    const bridge = parseBridge(name, text)
    if ('wrong' in bridge) wrong.push([name, bridge.wrong])
    else found.set(name, bridge)
  }
  const names = [...found.keys()].sort()
  return { bridges: names.flatMap((name) => found.get(name) ?? []), wrong }
}

/** Bridges that are the host's own: `office:br0,…`; what is no pair is left out. */
function parseOffers(text: string): PhysicalBridge[] {
  return text.split(',').flatMap((pair) => {
    const [physicalNetwork = '', name = '', ...more] = pair.split(':').map((word) => word.trim())
    if (!ID.test(physicalNetwork) || !NAME.test(name) || more.length > 0) return []
    const none = { uplinks: [], mtuBytes: undefined, vids: undefined }
    return [{ name, isOurs: false, ...none, physicalNetwork }]
  })
}

function parseSpan(text: string): VidSpan | undefined {
  const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(text) ?? []
  const span = [Number(first), Number(last)] as const
  return span[0] >= 1 && span[0] <= span[1] && span[1] <= LAST_VID ? span : undefined
}
