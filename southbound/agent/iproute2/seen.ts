/** What was read of a host, before any of it is compared: read.ts makes it, plan.ts and backend.ts use it. */
import type { Traffic } from '../backend.ts'
import type { Facts } from './facts.ts'

/** What a kernel may lack; `nftables`: with the bridge family, `vlan`: 8021q. */
export type Capability = 'vxlan' | 'arp_suppression' | 'nftables' | 'vlan'

export interface Link {
  readonly name: string
  /** Made by us, by name and group. */
  readonly isOwn: boolean
  /** `bridge`, `vxlan`, `veth`, `tun` …; undefined: hardware. */
  readonly kind: string | undefined
  readonly isLoopback: boolean
  /** It has a carrier, all the way down. */
  readonly isUp: boolean
  /** Another device of the host's that is on top of it, such as `eth1.5`. */
  readonly carries?: string | undefined
  /** `1500 up eth1`: as it was when it became an uplink of ours, and how it is while it is none. */
  readonly found: string
  readonly mac: string
  readonly mtuBytes: number
  readonly master: string | undefined
  readonly alias: string | undefined
  /** Without those of the link only (fe80::/10). */
  readonly addresses: readonly string[]
  readonly traffic: Traffic
}

export interface Seen {
  readonly links: ReadonlyMap<string, Link>
  /** Of devices, FDB and neighbours of ours. */
  readonly facts: Facts
  /** MACs that bridges of ours have learned, and where; not what physical networks taught them. */
  readonly learned: readonly { readonly port: string; readonly mac: string }[]
  readonly nft: NftState | undefined
  /** Whether bridged IP passes the ip tables of the host. */
  readonly bridgeNetfilter: boolean
  /** Whether new devices have IPv6: a bridge without it takes no IPv6 neighbours. */
  readonly hasIpv6: boolean
}

/** Our tables as nft lists them. */
export interface NftState {
  /** Families. */
  readonly tables: readonly string[]
  readonly chains: readonly NftChain[]
  /** Elements, sorted, one a line. */
  readonly sets: readonly {
    readonly family: string
    readonly name: string
    readonly text: string
  }[]
  readonly counters: readonly {
    readonly family: string
    readonly name: string
    readonly packets: number
  }[]
}

export interface NftChain {
  readonly family: string
  readonly name: string
  /** `type filter hook …`, or empty. */
  readonly hook: string
  readonly rules: readonly {
    readonly mark: string
    /** As nft shows it, without numbers that change. */
    readonly shown: string
  }[]
}
