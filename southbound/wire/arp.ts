/** ARP for IPv4 over Ethernet, the only pair of protocols that Weft speaks it for. */
import { hex16, ipv4, mac, struct, u8, u16 } from './struct.ts'

export const arp = struct('arp', 'RFC 826', {
  hardware: u16('1 = Ethernet'),
  protocol: hex16('0x800 = IPv4'),
  hlen: u8('6'),
  plen: u8('4'),
  op: u16('1 = request, 2 = reply'),
  sha: mac('sender'),
  spa: ipv4('sender'),
  tha: mac('target'),
  tpa: ipv4('target'),
})

export const ARP_REQUEST = 1
export const ARP_REPLY = 2
