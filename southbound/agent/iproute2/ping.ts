/** One ICMP echo with DF set, by ping(8). Neighbours: backend.ts, ../path-mtu.ts. */
import { isIPv4 } from 'node:net'
import type { Probe } from '../path-mtu.ts'
import { run } from './command.ts'

const ICMP_HEADER = 8
const WAIT_S = 1

/** False as well when the kernel has no way there, or knows that the packet is too long. */
export const pingProbe: Probe = async (local, remote, bytes, signal) => {
  const version = isIPv4(remote) ? '-4' : '-6'
  const header = isIPv4(remote) ? 20 : 40
  const size = `${bytes - header - ICMP_HEADER}`
  const options = ['-n', '-q', '-c', '1', '-W', `${WAIT_S}`, '-M', 'do', '-s', size, '-I', local]
  const { code } = await run(['ping', version, ...options, remote], { signal })
  return code === 0
}
