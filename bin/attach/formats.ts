/**
 * The formats of `weft attach`, one row each: what help says, and which kinds of host it can be for. Loaded with the
 * command line; print.ts has what prints them.
 */
interface Format {
  readonly says: string
  /** Empty: the workload is on no host of Weft's. */
  readonly hosts: readonly ('ovs' | 'vtep')[]
}

export const formats = {
  libvirt: { says: "the interface element of a domain's XML", hosts: ['ovs', 'vtep'] },
  xen: { says: 'the vif of an xl.cfg', hosts: ['ovs'] },
  hyperv: { says: 'PowerShell, for Open vSwitch on Hyper-V', hosts: ['ovs'] },
  esxi: { says: 'esxcli, for a port group on the VLAN of the network', hosts: [] },
  netns: { says: 'commands that make a network namespace', hosts: ['ovs', 'vtep'] },
  docker: { says: 'commands that give a container its only interface', hosts: ['ovs', 'vtep'] },
  json: { says: 'the facts, for programs', hosts: ['ovs', 'vtep'] },
} as const satisfies Record<string, Format>

export type FormatName = keyof typeof formats

export const formatNames = Object.keys(formats) as readonly FormatName[]
