/** How large a site may be asked for. Neighbours: generate.ts makes it, ../bin/commands/lab-options.ts asks. */

export interface SiteSize {
  /** 1 to 4,000. */
  readonly hosts: number
  readonly tenants: number
  /** Of each tenant. */
  readonly networks: number
  /** Of each network, 1 to 250. */
  readonly ports: number
  /** That a network is spread over. */
  readonly spread: number
  /** Bytes of IP packet of a guest. */
  readonly mtuBytes: number
  /** Any integer. */
  readonly seed: number
}

/** What may be asked for: the least and the most. */
export const sizes: Readonly<Record<keyof SiteSize, readonly [least: number, most: number]>> = {
  hosts: [1, 4000],
  tenants: [1, 10_000],
  networks: [1, 1000],
  ports: [1, 250],
  spread: [1, 4000],
  mtuBytes: [576, 65_485],
  seed: [0, 0xffff_ffff],
}
