/**
 * Two network namespaces of a test's own and a veth pair between them: `near`, in which the switch
 * opens its devices, and `far`, in which the kernel is the peer. Gone when closed.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { addNamespaces, inNamespace } from '../../../topologies/lab/netns/namespace.ts'

const run = promisify(execFile)

export interface Segment {
  readonly near: string
  readonly far: string
  /** `ip` in a namespace. */
  ip(namespace: string, ...words: string[]): Promise<string>
  /** A command in a namespace; its standard output. Rejects when it fails. */
  exec(namespace: string, ...argv: string[]): Promise<string>
  /** Whether an address answers echo requests with this many bytes of data, none of them cut. */
  ping(namespace: string, address: string, bytes: number, ...more: string[]): Promise<boolean>
  /** Opens something in the near namespace; it has to begin to within the call. */
  inNear<T>(open: () => T): T
  close(): Promise<void>
}

let made = 0

/** `mtuBytes` of both ends, which are called `u0`. */
export async function openSegment(mtuBytes: number): Promise<Segment> {
  const name = `wtp${process.pid}x${made++}`
  const [near, far] = [`${name}n`, `${name}f`]
  await addNamespaces([near, far])
  const exec: Segment['exec'] = async (namespace, ...argv) =>
    (await run('ip', ['netns', 'exec', namespace, ...argv])).stdout
  const ip: Segment['ip'] = async (namespace, ...words) =>
    (await run('ip', ['-n', namespace, ...words])).stdout
  const segment: Segment = {
    near,
    far,
    ip,
    exec,
    async ping(namespace, address, bytes, ...more) {
      const wanted = ['-c', '1', '-W', '2', '-M', 'do', '-s', String(bytes), ...more, address]
      return exec(namespace, 'ping', ...wanted).then(
        () => true,
        () => false,
      )
    },
    inNear: (open) => inNamespace(near, open),
    async close() {
      for (const namespace of [near, far]) await run('ip', ['netns', 'del', namespace])
    },
  }
  try {
    const peer = ['peer', 'name', 'u0', 'netns', far]
    await ip(near, 'link', 'add', 'u0', 'type', 'veth', ...peer)
    for (const namespace of [near, far]) {
      await ip(namespace, 'link', 'set', 'lo', 'up')
      await ip(namespace, 'link', 'set', 'u0', 'mtu', String(mtuBytes), 'up')
    }
    return segment
  } catch (error) {
    await segment.close()
    throw error
  }
}
