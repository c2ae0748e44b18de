/**
 * The fields that Open vSwitch adds to OpenFlow's: registers, tunnels, connection tracking, marks
 * and more header fields. Classes: Nicira (0x0000, 0x0001), packet registers (0x8001), Ericsson's
 * neighbour discovery (0x1000), experimenters' (0xffff). Source: ovs-fields(7).
 * Neighbours: oxm.ts joins them with OpenFlow's own fields.
 */
import { NICIRA, NSH, ONF } from './experimenter.ts'
import { IP, IPV4, IPV6, MPLS, ND, type OxmRow, type RowOptions, row, TCP } from './oxm-row.ts'

const nxm = (field: number, bits: number, o?: RowOptions) => row<number>(0x0001, field, bits, o)
const nxmWide = (field: number, bits: number, o?: RowOptions) => row<bigint>(0x0001, field, bits, o)
const reg = (n: number) => nxm(n, 32, { mask: true, format: 'hex' })
const xreg = (n: number) => row<bigint>(0x8001, n, 64, { mask: true, format: 'hex' })
const xxreg = (n: number) => nxmWide(111 + n, 128, { mask: true, format: 'hex' })
const et = (field: number, bits: number, o?: RowOptions) =>
  row<number>(0xffff, field, bits, { ...o, experimenter: NICIRA })
const nsh = (field: number, bits: number, o?: RowOptions) =>
  row<number>(0xffff, field, bits, {
    ...o,
    experimenter: NSH,
    needs: { eth_type: [0x894f] },
  })

/** Of the connection that a packet belongs to, as it was before any translation. */
const CT_IPV4 = { ...IPV4, ct_state: [] }
const CT_IPV6 = { ...IPV6, ct_state: [] }
const CT = { ...IP, ct_state: [] }

type Count<N extends number, Seen extends number[] = []> = Seen['length'] extends N
  ? Seen[number]
  : Count<N, [...Seen, Seen['length']]>
type TunMetadata = { readonly [K in `tun_metadata${Count<64>}`]: OxmRow<bigint> }
/** Geneve options, which a tlv_table gives their class, type and length. */
const tunMetadata = Object.fromEntries(
  Array.from({ length: 64 }, (_, n) => [
    `tun_metadata${n}`,
    nxmWide(40 + n, 992, { mask: true, format: 'hex', variable: true }),
  ]),
) as TunMetadata

export const niciraFields = {
  reg0: reg(0),
  reg1: reg(1),
  reg2: reg(2),
  reg3: reg(3),
  reg4: reg(4),
  reg5: reg(5),
  reg6: reg(6),
  reg7: reg(7),
  reg8: reg(8),
  reg9: reg(9),
  reg10: reg(10),
  reg11: reg(11),
  reg12: reg(12),
  reg13: reg(13),
  reg14: reg(14),
  reg15: reg(15),
  xreg0: xreg(0),
  xreg1: xreg(1),
  xreg2: xreg(2),
  xreg3: xreg(3),
  xreg4: xreg(4),
  xreg5: xreg(5),
  xreg6: xreg(6),
  xreg7: xreg(7),
  xxreg0: xxreg(0),
  xxreg1: xxreg(1),
  xxreg2: xxreg(2),
  xxreg3: xxreg(3),
  ip_frag: nxm(26, 2, { mask: true, needs: IP, format: 'hex' }),
  nw_ttl: nxm(29, 8, { needs: IP }),
  tun_src: nxm(31, 32, { mask: true, format: 'ipv4' }),
  tun_dst: nxm(32, 32, { mask: true, format: 'ipv4' }),
  pkt_mark: nxm(33, 32, { mask: true, format: 'hex' }),
  conj_id: nxm(37, 32),
  tun_flags: nxm(104, 16, { mask: true, format: 'hex' }),
  ct_state: nxm(105, 32, { mask: true, format: 'hex' }),
  ct_zone: nxm(106, 16),
  ct_mark: nxm(107, 32, { mask: true, format: 'hex' }),
  ct_label: nxmWide(108, 128, { mask: true, format: 'hex' }),
  tun_ipv6_src: nxmWide(109, 128, { mask: true, format: 'ipv6' }),
  tun_ipv6_dst: nxmWide(110, 128, { mask: true, format: 'ipv6' }),
  tcp_flags: row<number>(0xffff, 42, 16, {
    mask: true,
    needs: TCP,
    format: 'hex',
    experimenter: ONF,
    operand: [1, 34],
  }),

  /** In actions and learned flows; a match has in_port, vlan_vid and vlan_pcp, ip_dscp and ip_ecn. */
  nxm_in_port: row<number>(0, 0, 16),
  vlan_tci: row<number>(0, 4, 16, { mask: true, format: 'hex' }),
  nw_tos: row<number>(0, 5, 8, { needs: IP }),

  mpls_ttl: nxm(30, 8, { needs: MPLS }),
  dp_hash: nxm(35, 32, { mask: true, format: 'hex' }),
  recirc_id: nxm(36, 32, { format: 'hex' }),
  actset_output: row<number>(0xffff, 43, 32, { format: 'port', experimenter: ONF }),
  packet_type: row<number>(0x8000, 44, 32, { format: 'hex' }),
  ct_nw_proto: nxm(119, 8, { needs: CT }),
  ct_nw_src: nxm(120, 32, { mask: true, needs: CT_IPV4, format: 'ipv4' }),
  ct_nw_dst: nxm(121, 32, { mask: true, needs: CT_IPV4, format: 'ipv4' }),
  ct_ipv6_src: nxmWide(122, 128, { mask: true, needs: CT_IPV6, format: 'ipv6' }),
  ct_ipv6_dst: nxmWide(123, 128, { mask: true, needs: CT_IPV6, format: 'ipv6' }),
  ct_tp_src: nxm(124, 16, { mask: true, needs: { ...CT, ct_nw_proto: [6, 17, 132] } }),
  ct_tp_dst: nxm(125, 16, { mask: true, needs: { ...CT, ct_nw_proto: [6, 17, 132] } }),
  nd_reserved: row<number>(0x1000, 1, 32, { needs: ND }),
  nd_options_type: row<number>(0x1000, 2, 8, { needs: ND }),

  tun_gbp_id: nxm(38, 16, { mask: true }),
  tun_gbp_flags: nxm(39, 8, { mask: true, format: 'hex' }),
  tun_erspan_idx: et(11, 20, { size: 4, mask: true, format: 'hex' }),
  tun_erspan_ver: et(12, 4, { mask: true }),
  tun_erspan_dir: et(13, 1, { mask: true }),
  tun_erspan_hwid: et(14, 6, { mask: true, format: 'hex' }),
  tun_gtpu_flags: et(15, 8, { mask: true, format: 'hex' }),
  tun_gtpu_msgtype: et(16, 8, { mask: true }),
  ...tunMetadata,

  nsh_flags: nsh(1, 8, { mask: true }),
  nsh_mdtype: nsh(2, 8),
  nsh_np: nsh(3, 8),
  nsh_spi: nsh(4, 24, { size: 4, format: 'hex' }),
  nsh_si: nsh(5, 8),
  nsh_c1: nsh(6, 32, { mask: true, format: 'hex' }),
  nsh_c2: nsh(7, 32, { mask: true, format: 'hex' }),
  nsh_c3: nsh(8, 32, { mask: true, format: 'hex' }),
  nsh_c4: nsh(9, 32, { mask: true, format: 'hex' }),
  nsh_ttl: nsh(10, 8),
} as const satisfies Record<string, OxmRow>
