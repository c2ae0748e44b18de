/**
 * Why a frame vanished. Each reason has a sentence and a counter; nothing in the dataplane drops a
 * frame without one. `DROP.x` is the reason's number, so that counting is one array store.
 */

export const dropReasons = {
  frame_truncated: 'the frame is shorter than an Ethernet header',
  frame_too_long: 'the frame does not fit a packet buffer',
  fragment: 'an IP fragment, and the controller has set the switch to drop those',
  no_flow: 'no flow of a table matched, and the table has no table-miss flow',
  flow_no_output: 'the flows that matched send the frame nowhere: a drop that was asked for',
  output_in_port: 'the only output was the port of arrival, which takes the reserved port IN_PORT',
  port_unknown: 'an output names a port that the bridge does not have',
  port_down: 'an output names a port that is down',
  port_no_recv: 'the frame came in by a port that the controller has set to no_recv',
  port_no_fwd: 'an output names a port that the controller has set to no_fwd',
  port_no_packet_in: 'the frame came in by a port that the controller has set to no_packet_in',
  link_local: 'a frame for the bridge next door (01:80:c2:00:00:0x) went to NORMAL',
  bond_standby: 'the frame came in by a port of a bond that another one carries frames for',
  port_mtu_exceeded: 'the frame is longer than the MTU of its output port',
  queue_full: 'so much waits in the queue of the output port that there is no room for more',
  policer_exceeded: 'the output port has a policer, and was over its rate',
  group_unknown: 'an action names a group that does not exist',
  group_no_bucket: 'no bucket of the group is live',
  recursion_limit: 'too many resubmits or groups within groups for one frame',
  meter_exceeded: 'a drop band of a meter was over its rate',
  meter_unknown: 'the flow names a meter that does not exist',
  ttl_expired: 'dec_nw_ttl met a TTL of 0 or 1',
  action_invalid: 'an action does not fit the frame, such as pop_vlan without a tag',
  no_controller:
    'the frame was meant for a controller, and none is connected, wants it or has room for it',
  tunnel_no_destination: 'output to a tunnel port without tun_dst',
  tunnel_no_port: 'no tunnel port takes this VNI from this remote address',
  tunnel_no_source: 'the local address of the tunnel port or its flow is none of the underlay',
  tunnel_no_underlay: 'the switch has no VTEP address to send from',
  tunnel_ecn: 'congestion on the underlay, and the inner packet knows no ECN (RFC 6040 §4.2)',
  underlay_mtu_exceeded: 'the encapsulated packet is longer than the underlay MTU',
  underlay_no_route: 'there is no way on the underlay to the remote VTEP',
  underlay_down: 'the port or the socket under the tunnel is not there',
  underlay_send_failed: 'the socket under the tunnel refused the packet',
  underlay_unresolved: 'nobody on the underlay answered for the address of the remote VTEP',
  underlay_queue_full: 'too many frames waited for the address of the remote VTEP, or the socket',
  underlay_malformed: 'an underlay packet with a header that is wrong or cut short',
  underlay_fragment: 'a fragmented underlay packet: VTEPs must not fragment (RFC 7348 §4.3)',
  underlay_not_ours: 'an underlay frame or packet for another address',
  underlay_unwanted: 'an underlay packet that is neither ARP, ND nor VXLAN',
  vxlan_malformed: 'a VXLAN header without the I flag, or cut short',
  vxlan_checksum: 'a VXLAN packet whose outer UDP checksum is wrong',
  exception: 'a fault of the switch itself, logged with its stack',
} as const

export type DropReason = keyof typeof dropReasons

const names = Object.keys(dropReasons) as DropReason[]

/** Number of each reason. */
export const DROP = Object.fromEntries(names.map((name, i) => [name, i])) as {
  readonly [K in DropReason]: number
}

/** The reason with this number. */
export const dropReasonOf = (number: number): DropReason => names[number] ?? 'exception'

export interface DropCounters {
  /** Counts one frame. */
  count(reason: number): void
  /** Frames per reason, only those that occurred. */
  read(): Partial<Record<DropReason, number>>
  of(reason: DropReason): number
}

export function dropCounters(): DropCounters {
  const counts = new Float64Array(names.length)
  return {
    count(reason) {
      counts[reason]!++
    },
    of: (reason) => counts[DROP[reason]]!,
    read: () =>
      Object.fromEntries(names.flatMap((name, i) => (counts[i] ? [[name, counts[i]]] : []))),
  }
}
