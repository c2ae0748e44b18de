/**
 * The routed underlay of a netns lab: each link is a bridge of two ports in the underlay's namespace, where frames are seen
 * and put in, each router a namespace that forwards. What a link does to frames beyond its MTU is told to the kernel's queues,
 * as far as it has them. Neighbours: ../underlay-plan.ts (what there is), plan.ts (names), wiring.ts (makes the links).
 */
import { existsSync, writeFileSync } from 'node:fs'
import type { LinkPlan, RouterPlan, UnderlayPlan } from '../underlay-plan.ts'
import { inNamespace, ipBatch, within } from './namespace.ts'
import type { SitePlan } from './plan.ts'
import { RunError, run } from './run.ts'
import { together } from './together.ts'

/** One end of a link at a router. */
export interface RouterLegPlan {
  /** Its interface in the router: `eth0`. */
  readonly device: string
  /** The other end, in the underlay's namespace. */
  readonly port: string
  readonly link: LinkPlan
  readonly addresses: readonly string[]
}

export interface RouterNamespace {
  readonly id: string
  readonly namespace: string
  readonly legs: readonly RouterLegPlan[]
  readonly routes: RouterPlan['routes']
}

/** A link as the underlay's namespace has it: a bridge, its ports those of both ends. */
export interface LinkBridge {
  readonly link: LinkPlan
  readonly bridge: string
  readonly ports: readonly string[]
}

export interface RoutedPlan {
  readonly routers: readonly RouterNamespace[]
  readonly bridges: readonly LinkBridge[]
}

/** @param portOf the underlay port of a host */
export function planRouted(
  { links, routers }: UnderlayPlan,
  { id, prefix, portOf }: { id: string; prefix: string; portOf: (hostId: string) => string },
): RoutedPlan {
  const named = routers.map(
    (router, at): RouterNamespace => ({
      id: router.id,
      namespace: `${prefix}router-${router.id}`,
      legs: router.interfaces.map(({ link, addresses }, index) => {
        return { device: `eth${index}`, port: `r${id}-${at + 1}-${index}`, link, addresses }
      }),
      routes: router.routes,
    }),
  )
  const portAt = (link: LinkPlan, end: string): string =>
    named.find((router) => router.id === end)?.legs.find((leg) => leg.link === link)?.port ??
    portOf(end)
  const bridges = links.map((link, at) => ({
    ...{ link, bridge: `link-${at + 1}` },
    ports: link.ends.map((end) => portAt(link, end)),
  }))
  return { routers: named, bridges: routers.length > 0 ? bridges : [] }
}

/** Lines of `ip -batch` in the underlay's namespace. */
export function linkBridges({ bridges }: RoutedPlan): string[] {
  return bridges.flatMap(({ link, bridge, ports }) => [
    `link add name ${bridge} type bridge stp_state 0 mcast_snooping 0`,
    ...ports.flatMap((port) => [
      `link set dev ${port} master ${bridge}`,
      `link set dev ${port} up`,
    ]),
    `link set dev ${bridge} mtu ${link.mtuBytes}`,
    `link set dev ${bridge} up`,
  ])
}

/** Forwards, chooses among equal ways by the ports of a flow as well, and believes nobody who advertises. */
const routerSettings: readonly (readonly [file: string, value: string])[] = [
  ['net/ipv4/ip_forward', '1'],
  ['net/ipv4/fib_multipath_hash_policy', '1'],
  ['net/ipv6/fib_multipath_hash_policy', '1'],
  ['net/ipv6/conf/all/forwarding', '1'],
]

/** Addresses and routes of a router whose links are there. */
export async function bringRouterUp(
  { namespace, legs, routes }: RouterNamespace,
  signal?: AbortSignal,
): Promise<void> {
  const ipv6 = legs.filter(({ addresses }) => addresses.some((each) => each.includes(':')))
  const settings = [
    ...routerSettings,
    ...ipv6.map(({ device }) => [`net/ipv6/conf/${device}/disable_ipv6`, '0'] as const),
  ]
  inNamespace(namespace, () => {
    for (const [file, value] of settings)
      if (existsSync(`/proc/sys/${file}`)) writeFileSync(`/proc/sys/${file}`, value)
  })
  const lines = [
    'link set dev lo up',
    ...legs.flatMap(({ device, addresses }) => [
      `link set dev ${device} up`,
      ...addresses.map(
        (each) => `address add ${each} dev ${device}${each.includes(':') ? ' nodad' : ''}`,
      ),
    ]),
    ...routes.map(({ to, via }) => {
      const hops = via.map(({ interface: at, address }) => `via ${address} dev ${legs[at]?.device}`)
      const [only = ''] = hops
      const way = hops.length === 1 ? only : hops.map((hop) => `nexthop ${hop}`).join(' ')
      return `route add ${to}/${to.includes(':') ? 128 : 32} ${way}`
    }),
  ]
  await ipBatch(namespace, lines, signal)
}

/** What a host's operator types where VTEPs are routed: its way to all others. */
export const routeLines = (routes: readonly { to: string; via: string }[], device: string) =>
  routes.map(({ via }) => {
    const all = via.includes(':') ? '::/0' : '0.0.0.0/0'
    return `route replace ${all} via ${via} dev ${device}`
  })

/** A queue of the kernel for one way of a link: at the port that frames leave by. */
interface Queue {
  readonly namespace: string
  readonly device: string
  readonly link: LinkPlan
}

/** Of all links of which more is said than their MTU. @param nic name of the underlay NIC in hosts */
export function queuesOf(plan: SitePlan, nic: string): Queue[] {
  const { namespace } = plan.underlay
  const shaped = ({ delayMs, lossPercent, rateBitsPerSecond }: LinkPlan) =>
    delayMs > 0 || lossPercent > 0 || rateBitsPerSecond !== undefined
  const onSegment = plan.hosts.flatMap((host) =>
    host.link && plan.routed.bridges.length === 0
      ? [
          { namespace, device: host.underlayPort, link: host.link },
          { namespace: host.namespace, device: nic, link: host.link },
        ]
      : [],
  )
  const routed = plan.routed.bridges.flatMap(({ link, ports }) =>
    ports.map((device) => ({ namespace, device, link })),
  )
  return [...onSegment, ...routed].filter(({ link }) => shaped(link))
}

/** Frames that wait at one end. */
const QUEUE_LENGTH = 1000
const kernels: Record<'netem' | 'tbf', (link: LinkPlan) => string> = {
  netem({ delayMs, lossPercent, rateBitsPerSecond }) {
    const rate = rateBitsPerSecond === undefined ? '' : ` rate ${rateBitsPerSecond}bit`
    return `netem limit ${QUEUE_LENGTH} delay ${delayMs}ms loss ${lossPercent}%${rate}`
  },
  tbf({ rateBitsPerSecond = 0, mtuBytes }) {
    // A bucket for some frames, or for what is due in 10 ms.
    const burst = Math.max(4 * mtuBytes, Math.ceil(rateBitsPerSecond / 800))
    return `tbf rate ${rateBitsPerSecond}bit burst ${burst} latency 400ms`
  },
}

/**
 * Sets the queues. @returns what this kernel cannot do of what the document says, one line; undefined: nothing is missing
 */
export async function shapeLinks(
  queues: readonly Queue[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  const [first] = queues
  if (!first) return undefined
  const set = async ({ namespace, device, link }: Queue, kind: keyof typeof kernels) => {
    const argv = [
      'tc',
      'qdisc',
      'replace',
      'dev',
      device,
      'root',
      ...kernels[kind](link).split(' '),
    ]
    await run(within(namespace, argv), { signal })
  }
  const has = (kind: keyof typeof kernels, queue: Queue) =>
    set(queue, kind).then(
      () => true,
      (error) => {
        if (error instanceof RunError) return false
        throw error
      },
    )
  const all = (kind: keyof typeof kernels, of: readonly Queue[]) =>
    together(
      signal,
      of.map((queue) => () => set(queue, kind)),
    )
  if (await has('netem', first)) {
    await all('netem', queues)
    return undefined
  }
  const rated = queues.filter(({ link }) => link.rateBitsPerSecond !== undefined)
  const [one] = rated
  const hasRates = one === undefined || (await has('tbf', one))
  if (hasRates) await all('tbf', rated)
  const missing = [
    ...(queues.some(({ link }) => link.delayMs > 0) ? ['delay'] : []),
    ...(queues.some(({ link }) => link.lossPercent > 0) ? ['loss'] : []),
    ...(hasRates ? [] : ['rate']),
  ]
  if (missing.length === 0) return undefined
  return `links have no ${missing.join(', no ')} here: this kernel lacks netem (the memory lab has them)`
}
