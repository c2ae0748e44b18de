/**
 * The program: how tenants' networks and ports become flows, groups and meters. Each unit is a pure function of what it
 * reads; `stages.ts` has the picture of the pipeline.
 *
 *   site-units.ts      what every host has           segment-units.ts  VLANs of physical networks, extensions
 *   network-units.ts   VNIs, tags, sizes, floods     vtep-units.ts     rows of hosts of kind vtep
 *   port-units.ts      ports and sub-ports           probe-units.ts    probes between VTEPs
 *   sample-units.ts    heads of dropped frames       parts.ts, ways.ts what these share
 */
import type { Network } from '../model/schema.ts'
import { networkOnHost, networks } from './network-units.ts'
import { networkKeyOf } from './parts.ts'
import { port } from './port-units.ts'
import { probes } from './probe-units.ts'
import { index, type Placement, type Program } from './program.ts'
import { samples } from './sample-units.ts'
import { joinersLeft, physicalNetworks, segments } from './segment-units.ts'
import { host, site } from './site-units.ts'
import { vtepProgram } from './vtep-units.ts'

/** The whole program: flows of ovs hosts, rows of vtep hosts. */
/** Where networks are: the host that joins an extended network to a VLAN carries it also without a port. */
const networkAt = {
  ofPort: (place: Placement) => [networkKeyOf(place), place.hostId] as const,
  ofExtension: ({ extension }: Network, key: string) =>
    extension ? [[key, extension.hostId] as const] : [],
}
const turned = ([network, host]: readonly [string, string]) => [host, network] as const

export const pipeline: Program = {
  indexes: {
    hostsOfNetwork: [
      ...index('placement', (place) => [networkAt.ofPort(place)]),
      ...index('network', networkAt.ofExtension),
    ],
    networksOfHost: [
      ...index('placement', (place) => [turned(networkAt.ofPort(place))]),
      ...index('network', (network, key) => networkAt.ofExtension(network, key).map(turned)),
    ],
    portsOfNetworkOnHost: index('placement', (place, key) => [
      [`${networkKeyOf(place)}|${place.hostId}`, key],
    ]),
    joinersLeft,
    ...vtepProgram.indexes,
  },
  units: [
    site,
    probes,
    samples,
    host,
    networks,
    networkOnHost,
    physicalNetworks,
    segments,
    port,
    ...vtepProgram.units,
  ],
}
