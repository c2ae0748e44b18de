/** Checks of a site's hosts, as the controller sees them. Neighbours: site-facts.ts, check.ts. */
import type { PendingHost } from '../../controller/northbound/realization.ts'
import type { FlowPage } from '../print/flows.ts'
import { bad, type Check, type Finding, few, ok, orWell, warn } from './check.ts'
import { isConnected, type SiteFacts, unlessGone } from './site-facts.ts'

const DAY_MS = 86_400_000
/** Days before its end that a certificate is spoken of, and those that are too few. */
const [SOON_DAYS, LATE_DAYS] = [30, 7] as const
/** Differences of a host that are named. */
const NAMED = 3

export const hostChecks: readonly Check<SiteFacts>[] = [
  {
    name: 'hosts connected',
    looksAt: 'whether each host of the model has dialled in, its bridge too',
    async run(facts) {
      const hosts = await facts.hosts()
      const away = hosts.filter((host) => !isConnected(host))
      const todo =
        'on the host `weft doctor --host` says what is wrong; it dials by ' +
        '`ovs-vsctl set-manager tcp:CONTROLLER:6640`, or `weft agent --manager`'
      return orWell(
        away.map(({ id, status }) => bad(`${id}: ${status.hosts[id]?.reason ?? 'away'}`, todo)),
        hosts.length === 0 ? 'there are no hosts' : `all of ${hosts.length}`,
      )
    },
  },
  {
    name: 'hosts as desired',
    looksAt: 'rows, flows, groups and meters of each host, read now and compared',
    async run(facts, signal) {
      const findings: Finding[] = []
      const hosts = (await facts.hosts()).filter(isConnected)
      for (const { id, status } of hosts) {
        const { state, reason = 'not confirmed' } = status.hosts[id] ?? {}
        if (state === 'failed')
          findings.push(bad(`${id}: ${reason}`, `weft describe host ${id}; weft events`))
        else if (state === 'pending')
          findings.push(warn(`${id}: ${reason}`, 'look again in some seconds: it is being made so'))
        if (((await comparison(facts, id))?.differences ?? 0) === 0) continue
        // What was committed a moment ago may be on its way.
        await facts.untilLater(signal)
        findings.push(...told(await comparison(facts, id)))
      }
      return orWell(
        findings,
        hosts.length === 0 ? 'no host is connected' : `all of ${hosts.length}`,
      )
    },
  },
  {
    name: 'pending hosts',
    looksAt: 'machines that dial in and are not of the site, and removed hosts not given back yet',
    async run({ rest }) {
      const { body } = await rest.ask<{ items: readonly PendingHost[] }>(
        'GET',
        '/v1/infra/pending-hosts',
      )
      return orWell(body.items.map(pendingFinding), 'none')
    },
  },
  {
    name: 'certificates',
    looksAt: 'how long those of hosts, of the controller and of CAs are valid',
    async run(facts) {
      const hosts = await facts.hosts()
      const own = hosts.flatMap(({ id, status: { certificate } }) =>
        certificate === undefined
          ? []
          : ended(`the certificate of ${id}`, Date.parse(certificate.expires), facts.now()),
      )
      // Of the controller's own and of CAs events tell, 30 days before and on; of each the last word.
      const told = new Map<string, Finding>()
      for (const { type, host, message } of await facts.events()) {
        if (host || !type.startsWith('certificate_')) continue
        const finding = type === 'certificate_expired' ? bad : warn
        told.set(message.replace(/ (ends|ended|expire|has run).*/s, ''), finding(message, RENEW))
      }
      const seen = hosts.some(({ status }) => status.certificate)
        ? 'none ends within 30 days'
        : 'no host came over TLS'
      return orWell([...own, ...told.values()], seen)
    },
  },
  {
    name: 'dropped frames',
    looksAt: 'drops that count up while the doctor looks, each with its reason',
    async run(facts, signal) {
      const before = new Map<string, number>()
      const keyOf = (host: string, reason: string, of: string) => `${host} ${reason} ${of}`
      for (const { host, drops } of await facts.firstDrops)
        for (const { reason, port, network, packets } of drops) {
          const key = keyOf(host, reason, port ?? network ?? '')
          before.set(key, (before.get(key) ?? 0) + packets)
        }
      await facts.untilLater(signal)
      const now = new Map<string, { seen: string; packets: number }>()
      for (const { host, drops } of await facts.drops())
        for (const { reason, port, network, packets } of drops) {
          const of = port ?? network ?? ''
          const key = keyOf(host, reason, of)
          const seen = `${host} drops frames${of && ` of ${of}`}: ${reason}`
          now.set(key, { seen, packets: (now.get(key)?.packets ?? 0) + packets })
        }
      const rising = [...now].filter(([key, { packets }]) => packets > (before.get(key) ?? 0))
      const findings = rising.map(([key, { seen, packets }]) =>
        warn(
          `${seen}, ${packets - (before.get(key) ?? 0)} meanwhile`,
          'what the reason means is in controller/README.md; `weft describe port` shows the last frame',
        ),
      )
      return findings.length > 0 ? few(findings) : [ok('none meanwhile')]
    },
  },
]

/** Undefined: it is not driven, such as one that has gone since; what is wrong with it was said. */
async function comparison({ rest }: SiteFacts, id: string): Promise<FlowPage | undefined> {
  const query = { diff: 'true', limit: `${NAMED}` }
  const asking = rest.ask<FlowPage>('GET', `/v1/infra/hosts/${id}/flows`, { query })
  return (await unlessGone(asking))?.body
}

function told(page: FlowPage | undefined): Finding[] {
  if (!page || page.differences === 0) return []
  const { host, differences, items } = page
  const named = items.map(({ state, text, from }) => `${state} ${from.join(', ')}: ${text}`)
  const more = differences > items.length ? `; and ${differences - items.length} more` : ''
  return [
    bad(
      `${host} differs in ${differences}: ${named.join('; ')}${more}`,
      `weft flows ${host} --diff shows all; what stays is refused by the host: weft events`,
    ),
  ]
}

function pendingFinding({
  phase,
  hostId,
  systemId,
  address = '',
  reason = '',
}: PendingHost): Finding {
  if (phase === 'removing')
    return warn(
      `${hostId} is no host any longer: ${reason}`,
      'bring it up, and unplug what is in its br-int; where it is gone for good nothing is left to do',
    )
  return warn(
    `${systemId} dials in from ${address} and gets nothing`,
    'make it a host of the site (weft host approve), or take its manager away: ovs-vsctl del-manager',
  )
}

const RENEW = 'make a new one, `weft pki host ID` or your CA, and put it in its place'

function ended(what: string, expires: number, now: number): Finding[] {
  const days = Math.floor((expires - now) / DAY_MS)
  if (days < 0) return [bad(`${what} has ended`, RENEW)]
  if (days < LATE_DAYS) return [bad(`${what} ends in ${days} days`, RENEW)]
  return days < SOON_DAYS ? [warn(`${what} ends in ${days} days`, RENEW)] : []
}
