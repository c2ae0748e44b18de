/** What taking over a bridge that somebody else has filled would do. Neighbours: adoption.ts answers it, ../reconciler/adoption.ts makes it. */

/** One column of a row of the host's database, or a new row. */
export interface RowChange {
  /** 'Bridge br-int'. */
  readonly row: string
  readonly action: 'add' | 'change'
  readonly column?: string
  readonly before?: string
  readonly after: string
}

export interface AdoptionItems {
  /** In ovs-ofctl's syntax, as they are now; at most 1,000. */
  readonly removed: readonly string[]
  /** The same, of those that become others of the same match or id. */
  readonly changed: readonly string[]
  /** How many more of both there are. */
  readonly unlisted: number
  readonly staying: number
  readonly added: number
}

/** Without `flows`, `groups` and `meters` where the bridge did not dial OpenFlow in time. */
export interface Adoption {
  readonly host: string
  /** `free`: br-int is Weft's, or is taken without being asked for; nothing else is in the answer. */
  readonly state: 'free' | 'foreign'
  readonly why?: string
  readonly rows: readonly RowChange[]
  /** Interfaces in br-int, which stay; without `port` no workload of the site, and no flow leads there any longer. */
  readonly ports: readonly { readonly name: string; readonly port?: string }[]
  readonly flows?: AdoptionItems
  readonly groups?: AdoptionItems
  readonly meters?: AdoptionItems
}
