/** Checks of what tenants and operators have asked for, and of the underlay below it. Neighbours: site-facts.ts, check.ts. */
import type { MtuStatus } from '../../controller/northbound/realization.ts'
import { RestError } from '../rest-error.ts'
import { bad, type Check, type Finding, orWell, warn } from './check.ts'
import type { ObjectAnswer, SiteFacts } from './site-facts.ts'

const HOUR_MS = 3_600_000

export const objectChecks: readonly Check<SiteFacts>[] = [
  {
    name: 'objects realized',
    looksAt: 'networks, ports and bridges that a host has refused, or that wait',
    async run(facts) {
      const [networks, ports, bridges] = await Promise.all([
        facts.networks(),
        facts.ports(),
        facts.bridges(),
      ])
      const findings = [
        ...networks.flatMap((object) => unrealized('network', object)),
        ...ports.flatMap((object) => unrealized('port', object)),
        ...bridges.flatMap((object) => unrealized('bridge', object)),
      ].sort((a, b) => rankOf(a) - rankOf(b))
      const count = networks.length + ports.length + bridges.length
      return orWell(findings, `all of ${count}`)
    },
  },
  {
    name: 'VTEPs reach each other',
    looksAt: 'pairs of hosts between which no probe of any size passes',
    async run(facts) {
      const silent = new Map<string, Finding>()
      for (const { limitedBy, unknown: unanswered = [] } of await mtusOf(facts)) {
        for (const limit of limitedBy)
          if (limit.kind === 'path' && limit.packetBytes === 0)
            silent.set(
              `${limit.from} ${limit.to}`,
              bad(
                `nothing passes from ${limit.from} (${limit.vteps[0]}) to ${limit.to} (${limit.vteps[1]})`,
                `on both hosts \`weft doctor --host\`: route, firewall (UDP 4789), VTEP address; from ${limit.from} ping ${limit.vteps[1]}`,
              ),
            )
        for (const { from, to, message } of unanswered)
          silent.set(
            `${from} ${to}`,
            warn(
              message,
              'a firewall that drops echo requests, or a path that is down: ping it from there',
            ),
          )
      }
      return orWell([...silent.values()], 'every pair in use, as far as it is probed')
    },
  },
  {
    name: 'MTU of each pair',
    looksAt: 'interfaces and paths that carry less than networks over them need',
    async run(facts) {
      const narrow = new Map<string, Finding>()
      for (const { limitedBy } of await mtusOf(facts))
        for (const limit of limitedBy)
          if (limit.packetBytes > 0)
            narrow.set(
              limit.kind === 'path'
                ? `${limit.from} ${limit.to}`
                : `${limit.host} ${limit.interface}`,
              bad(
                limit.message,
                limit.kind === 'path'
                  ? 'raise the MTU of switches and links between them, or lower mtuBytes of the network'
                  : `raise it: ip link set ${limit.interface} mtu N, kept by what configures the host`,
              ),
            )
      return orWell([...narrow.values()], 'what networks need passes')
    },
  },
  {
    name: 'quarantine',
    looksAt: 'freed VNIs and VIDs that a host which is away has held for over an hour',
    async run({ rest, now }) {
      const { body } = await rest.ask<{ items: readonly Quarantined[] }>(
        'GET',
        '/v1/infra/quarantine',
      )
      const findings: Finding[] = []
      // A tenant that is deleted frees many at once.
      const times = new Map<number, number | undefined>()
      for (const { kind, number, freed, holders } of body.items) {
        if (!times.has(freed)) times.set(freed, await freedAt(rest, freed))
        const since = times.get(freed)
        const hours = since === undefined ? undefined : Math.floor((now() - since) / HOUR_MS)
        if (hours !== undefined && hours < 1) continue
        const long = hours === undefined ? 'for longer than history reaches' : `for ${hours} h`
        findings.push(
          warn(
            `${kind} ${number ?? ''} is held by ${holders.join(', ')} ${long}`,
            'bring the host back, or delete it from the site once it is surely off',
          ),
        )
      }
      return orWell(findings, 'nothing is held for long')
    },
  },
  {
    name: 'trouble told of',
    looksAt: 'events of the last quarter of an hour that ask for somebody',
    async run(facts) {
      const latest = new Map<string, Finding>()
      const from = facts.now() - QUARTER_MS
      for (const { type, at, message } of await facts.events())
        if (type in troubles && Date.parse(at) >= from)
          latest.set(`${type} ${message}`, warn(`${type}: ${message}`, troubles[type] ?? ''))
      return orWell([...latest.values()], 'none')
    },
  },
]

const QUARTER_MS = 900_000

/** Events that somebody has to do something about, and what. */
const troubles: Readonly<Record<string, string>> = {
  host_duplicate: 'give one of the two machines a system-id of its own, or turn it off',
  host_ambiguous: 'take the Manager row out of the database that is not meant',
  rows_contested: 'find who else writes to the database of the host, such as another controller',
  rows_failed: 'read the message: the host says what it does not take',
  item_failed: 'read the message: the switch says what it does not take',
  offer_refused: 'correct external_ids:weft-bridge-mappings on the host',
  binding_refused: 'the interface has the iface-id of a port that it may not carry: correct it',
  identity_refused: 'give the host its own certificate: weft pki host ID',
  tls_refused: 'a machine without a valid certificate dials: set-ssl on it, or ask whose it is',
}

interface Quarantined {
  readonly kind: string
  readonly number?: number
  readonly freed: number
  readonly holders: readonly string[]
}

/** Undefined: history no longer reaches back so far. */
async function freedAt(rest: SiteFacts['rest'], revision: number): Promise<number | undefined> {
  try {
    const { body } = await rest.ask<{ at: string }>('GET', `/v1/revisions/${revision}`)
    return Date.parse(body.at)
  } catch (error) {
    if (error instanceof RestError && error.status === 410) return undefined
    throw error
  }
}

const mtusOf = async (facts: SiteFacts): Promise<MtuStatus[]> =>
  (await facts.networks()).flatMap(({ status }) => status.mtu ?? [])

const rankOf = ({ verdict }: Finding): number => (verdict === 'bad' ? 0 : 1)

function unrealized(noun: string, { tenant, host, id, status }: ObjectAnswer): Finding[] {
  const key = `${tenant ?? host}/${id}`
  const hosts = Object.entries(status.hosts ?? {})
  const todo = `weft describe ${noun} ${key}`
  const failed = hosts.filter(([, { state }]) => state === 'failed')
  if (failed.length > 0) {
    const reasons = failed.map(([hostId, { reason }]) => `${hostId}: ${reason}`)
    return [bad(`${noun} ${key} failed: ${reasons.join('; ')}`, todo)]
  }
  if (status.realized) return []
  // Hosts that are away are spoken of as hosts.
  const [waiting] = hosts.filter(([, { state }]) => state === 'pending')
  const why = status.reason ?? (waiting && `${waiting[0]}: ${waiting[1].reason ?? 'pending'}`)
  return why === undefined ? [] : [warn(`${noun} ${key} waits: ${why}`, todo)]
}
