/**
 * What the site remembers of hosts, so that nothing is reused too early: which hosts have carried a network, and which
 * numbers are free but for hosts that may still forward for who had them. Kept by quarantine.ts, never written over REST
 * nor by documents. Neighbour: schema.ts.
 */
import { Type } from 'typebox'
import { Id, oneOf, Revision, strict, Uuid } from './values.ts'

/** Key: the uuid of the network, a space, the id of the host. */
export const CarrierSpec = Type.Object({}, { ...strict, title: 'CarrierSpec' })
/** Since a network is, this host has had a port of it or has joined it to a VLAN. */
export const Carrier = Type.Object(
  { network: Uuid, hostId: Id, revision: Revision },
  { ...strict, title: 'Carrier' },
)

const holders = Type.Array(Id, {
  minItems: 1,
  description: 'hosts that have not confirmed that it was taken away',
})
/** Key: see `numberKey` in quarantine.ts. The controller takes holders out; without one it is gone. */
export const QuarantinedSpec = Type.Object({ holders }, { ...strict, title: 'QuarantinedSpec' })
export const Quarantined = Type.Object(
  {
    kind: oneOf(
      ['vni', 'vid', 'untagged', 'physicalNetwork'],
      'a VNI, a VID of a physical network, what is untagged on one, or the number of one',
    ),
    number: Type.Optional(Type.Integer({ minimum: 1, description: 'left out: untagged' })),
    physicalNetwork: Type.Optional(Id),
    network: Type.Optional(Uuid),
    freed: Type.Integer({ minimum: 1, description: 'the revision that freed it' }),
    holders,
    revision: Revision,
  },
  { ...strict, title: 'Quarantined' },
)
