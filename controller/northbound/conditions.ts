/**
 * What is true of an object, as clients switch on it: three conditions, each with a reason of the table here, and on each
 * host how many items it should have and has. The reconciler finds them out (`../reconciler/conditions.ts`); this is what they are called, and what
 * /openapi.json says of them.
 */
import { Type } from 'typebox'
import { oneOf } from '../model/values.ts'

/** Every reason of a condition, and what it says. Stable: clients switch on it. */
export const conditionReasons = {
  // Accepted
  accepted: 'The model has taken it, and nothing that is declared stands against it.',
  place_held:
    'The place that it is declared at is held by another port; it waits until that one leaves.',
  // Realized
  confirmed: 'Every host that it concerns has confirmed it.',
  nothing_to_do: 'It concerns no host now.',
  unplugged: 'No host carries its workload yet.',
  pending: 'A host that is connected has not confirmed it yet.',
  still_joined: 'Another host may still join the network to its VLAN.',
  item_refused: 'A switch refuses a flow, group or meter of it.',
  device_fault: 'A device says that it cannot do it.',
  bridge_fault: 'The host refuses the bridge, or cannot make it.',
  bridge_foreign:
    'The br-int of the host was filled by somebody else, and nobody has said that it may be taken over.',
  physical_network_missing: 'A host offers no bridge to its physical network.',
  vid_not_carried: 'The bridge of a host does not carry its VID.',
  disconnected:
    'A host is not connected: it keeps what it had, and whether that is this nobody knows.',
  // Degraded
  complete: 'It goes without nothing.',
  unknown_shortcoming: 'A device names something that this controller has no word for.',
  no_common_family: 'Hosts on IPv4 and on IPv6 alone do not reach each other.',
  same_trunk: 'Ports of one network in one trunk do not reach each other.',
  anti_spoofing_unenforced: 'A device does not hold its workloads to their addresses.',
  bridge_netfilter: "A host's own packet filter sees the frames of its bridges.",
  locator_conflict: 'A device has a tunnel of somebody else to one of our VTEPs.',
  realization_unreported: 'A device does not say when it has done what its rows ask.',
  replication_mode_unsupported: 'A device has its own way to flood.',
  faults_unreported: 'A device has no column for what is wrong.',
  mtu_limited: 'The underlay carries less than the network asks for.',
} as const
export type ConditionReason = keyof typeof conditionReasons

export const conditionTypes = ['Accepted', 'Realized', 'Degraded'] as const
export const conditionStatuses = ['true', 'false', 'unknown'] as const

export interface Condition {
  readonly type: (typeof conditionTypes)[number]
  readonly status: (typeof conditionStatuses)[number]
  readonly reason: ConditionReason
  /** For people; who and why. */
  readonly message: string
  /** ISO 8601: when status and reason last became these; what was so before the controller started, since its start. */
  readonly since: string
}

/** An item that a host refuses. */
export interface FailedItem {
  /** A flow, group or meter in the syntax of ovs-ofctl; of a device its rows. */
  readonly item: string
  /** As the switch says it: 'bad_action.bad_out_port', with its numbers; or the sentence of a device. */
  readonly error: string
  /** Of the site, as it was when it was refused last. */
  readonly revision: number
}

/** Items of one object on one host. */
export interface ItemNumbers {
  /** Flows, groups, meters and rows that the host should have for this object. */
  readonly desired: number
  /** Of these the host has confirmed so many, as they should be now. */
  readonly acked: number
  /** Those that it refuses, the first twenty. */
  readonly failed: readonly FailedItem[]
}

export const MOST_FAILED = 20

const reasonList = Object.entries(conditionReasons).map(([word, says]) => `${word}: ${says}`)

export const ConditionSchema = Type.Object(
  {
    type: oneOf(
      conditionTypes,
      'Accepted: by the model; Realized: on hosts; Degraded: realized, with something missing',
    ),
    status: oneOf(conditionStatuses, 'unknown: a host that it concerns is not connected'),
    reason: oneOf(
      Object.keys(conditionReasons) as ConditionReason[],
      `stable, of several the gravest: ${reasonList.join(' ')}`,
    ),
    message: Type.String(),
    since: Type.String({
      description:
        'ISO 8601: when status and reason became these. The controller remembers none of it over a restart: what was so before is since its start. What a device or the underlay says is since it was seen to be so.',
    }),
  },
  { title: 'Condition' },
)

export const HostStatusSchema = Type.Object({
  state: oneOf(['realized', 'pending', 'failed', 'disconnected'], 'what the host says of it'),
  reason: Type.Optional(Type.String()),
  desired: Type.Optional(
    Type.Integer({
      description:
        'in GET of one object alone, not in lists nor in the answer to a write, of at most 100 hosts: flows, groups, meters and rows that this host should have for this object',
    }),
  ),
  acked: Type.Optional(
    Type.Integer({ description: 'as `desired`: of these the host has confirmed so many' }),
  ),
  failed: Type.Optional(
    Type.Array(
      Type.Object({
        item: Type.String({ description: 'in the syntax of ovs-ofctl; of a device its rows' }),
        error: Type.String({
          description: "as the switch says it: 'bad_action.bad_out_port (type 2, code 4)'",
        }),
        revision: Type.Integer({ description: 'of the site, when it was refused last' }),
      }),
      { description: `as \`desired\`: those that it refuses, the first ${MOST_FAILED}` },
    ),
  ),
})
