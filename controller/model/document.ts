/**
 * A topology document (topologies/*.yaml; format in topologies/README.md): a whole site as text. It
 * is taken whole or refused whole, with file, line, column, the value and what would be right for
 * everything that is wrong: its shape, and the rules between its objects, which are checked here as
 * if on an empty site.
 *
 * Neighbours: document-edits.ts knows shape and lines, edit.ts the rules. The edits go to the store;
 * what it refuses (a VNI that the site already uses) comes back to a line by `explain`.
 */
import { splitKey } from './collections.ts'
import { DocumentError, parseEdits } from './document-edits.ts'
import type { RawDocument } from './document-schema.ts'
import { applyEdits } from './edit.ts'
import { ModelError, type Problem, problem } from './errors.ts'
import { checkLabEvents, type LabEvent } from './lab-events.ts'
import { type LabHosts, labSwitches } from './lab-schema.ts'
import { checkLabUnderlay, type LabUnderlay } from './lab-underlay.ts'
import type { Declared, Edit, Host, Network, PhysicalNetwork, Port, Subnet } from './schema.ts'
import { Site, type Snapshot } from './snapshot.ts'
import { hint } from './suggest.ts'
import { escaped } from './validate.ts'

export interface DocumentTenant {
  readonly networks: Readonly<Record<string, Network>>
  readonly subnets: Readonly<Record<string, Subnet>>
  readonly ports: Readonly<Record<string, Port>>
}

export interface TopologyDocument {
  readonly fileName: string
  readonly name: string
  readonly underlay: { readonly mtuBytes: number }
  /**
   * The document's objects as an empty site would have them, with defaults and given values filled
   * in.
   */
  readonly physicalNetworks: Readonly<Record<string, PhysicalNetwork>>
  readonly hosts: Readonly<Record<string, Host>>
  readonly tenants: Readonly<Record<string, DocumentTenant>>
  /**
   * 'h1.acme-vm1' -> 'acme/vm1': the guest acme-vm1 runs on h1 and is plugged as that port. For
   * labs.
   */
  readonly workloads: Readonly<Record<string, string>>
  /** `hosts`: what a netns lab runs on one; left out: the first of `labSwitches` of its kind. */
  readonly lab: {
    readonly hosts: LabHosts
    readonly underlay?: LabUnderlay
    readonly events?: readonly LabEvent[]
  }
  /** For `store.commit`: one edit of each object, whatever one refers to before it. */
  readonly edits: readonly Edit<Declared>[]
  /** What the store refused, at its place in the document. */
  explain(error: ModelError): DocumentError
}

/** @param fileName for messages only; nothing is read. @throws DocumentError */
export function parseDocument(text: string, fileName: string): TopologyDocument {
  const { raw, edits, explain, place } = parseEdits(text, fileName)
  const site = preview(edits, explain)
  const misfits = [
    ...checkUnderlay(raw, site),
    ...checkWorkloads(raw, site),
    ...checkLab(raw, site),
    ...checkLabUnderlay(raw.lab?.underlay, site),
    ...checkLabEvents(raw.lab?.events, site),
  ]
  if (misfits.length > 0) throw new DocumentError(misfits.map((each) => place(each, each.pointer)))

  return Object.freeze({
    fileName,
    name: raw.name ?? fileName.replace(/^.*\//, '').replace(/\.ya?ml$/, ''),
    underlay: Object.freeze({ mtuBytes: raw.underlay?.mtuBytes ?? widestUnderlay(site) }),
    ...objectsOf(site),
    workloads: Object.freeze({ ...raw.workloads }),
    lab: Object.freeze({
      hosts: Object.freeze({ ...raw.lab?.hosts }),
      ...(raw.lab?.underlay && { underlay: raw.lab.underlay }),
      ...(raw.lab?.events && { events: Object.freeze(raw.lab.events) }),
    }),
    edits,
    explain,
  })
}

function preview(
  edits: readonly Edit<Declared>[],
  explain: (error: ModelError) => DocumentError,
): Site {
  let count = 0
  const uuid = (): string => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, '0')}`
  try {
    return applyEdits(Site.empty, edits, uuid).site
  } catch (error) {
    if (error instanceof ModelError) throw explain(error)
    throw error
  }
}

function objectsOf(
  site: Snapshot,
): Pick<TopologyDocument, 'physicalNetworks' | 'hosts' | 'tenants'> {
  const under = <T>(list: Iterable<[string, T]>, parent: string): Record<string, T> =>
    Object.fromEntries(
      [...list]
        .filter(([key]) => splitKey(key).parent === parent)
        .map(([key, object]) => [splitKey(key).id, object]),
    )
  const physicalNetworks = Object.fromEntries(site.list('physicalNetwork'))
  const hosts = Object.fromEntries(site.list('host'))
  const tenants = Object.fromEntries(
    [...site.list('tenant').keys()].map((tenant): [string, DocumentTenant] => [
      tenant,
      {
        networks: under(site.list('network').range(`${tenant}/`, `${tenant}0`), tenant),
        subnets: under(site.list('subnet').range(`${tenant}/`, `${tenant}0`), tenant),
        ports: under(site.list('port').range(`${tenant}/`, `${tenant}0`), tenant),
      },
    ]),
  )
  return { physicalNetworks, hosts, tenants }
}

// Rules of the document itself --------------------------------------------------------------------

function widestUnderlay(site: Snapshot): number {
  return Math.max(1500, ...[...site.list('host').values()].map((host) => host.underlayMtuBytes))
}

/** The underlay between the hosts carries no more than it says, whatever their own NICs can. */
function checkUnderlay(raw: RawDocument, site: Snapshot): Problem[] {
  const most = raw.underlay?.mtuBytes
  if (most === undefined) return []
  return [...site.list('host').values()]
    .filter((host) => host.underlayMtuBytes > most)
    .map((host) =>
      problem('out_of_range', {
        pointer: `/hosts/${host.id}/underlayMtuBytes`,
        value: host.underlayMtuBytes,
        expected: `at most ${most}, the mtuBytes of the underlay`,
      }),
    )
}

const workloadName = /^([^.]+)\.([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/

function checkWorkloads(raw: RawDocument, site: Snapshot): Problem[] {
  const owners = new Map<string, string>()
  return Object.entries(raw.workloads ?? {}).flatMap(([name, port]) => {
    const pointer = `/workloads/${escaped(name)}`
    const [, hostId = ''] = workloadName.exec(name) ?? []
    if (!site.get('host', hostId)) {
      const near = hint(hostId, site.list('host').keys())
      const expected = `host.name with a host of this document; ${near}`
      return [problem('workload_name_invalid', { pointer, value: name, expected })]
    }
    if (!site.get('port', port)) {
      const expected = `tenant/port of this document; ${hint(port, site.list('port').keys())}`
      return [problem('workload_invalid', { pointer, value: port, expected })]
    }
    const owner = owners.get(port)
    owners.set(port, name)
    if (owner === undefined) return []
    const expected = `a port of its own; ${owner} is plugged as it`
    return [problem('workload_invalid', { pointer, value: port, expected })]
  })
}

function checkLab(raw: RawDocument, site: Snapshot): Problem[] {
  return Object.entries(raw.lab?.hosts ?? {}).flatMap(([id, { switch: value }]) => {
    const host = site.get('host', id)
    const pointer = `/lab/hosts/${id}`
    if (!host) {
      const expected = `a host of this document; ${hint(id, site.list('host').keys())}`
      return [problem('lab_host_invalid', { pointer, value: id, expected })]
    }
    const names: readonly string[] = labSwitches[host.kind]
    if (names.includes(value)) return []
    const expected = `${names.join(' or ')}, since the host is of kind ${host.kind}`
    return [problem('lab_host_invalid', { pointer: `${pointer}/switch`, value, expected })]
  })
}
