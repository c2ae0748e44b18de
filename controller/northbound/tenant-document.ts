/**
 * What a document of one tenant may be and say: so long, of nothing but this tenant, and nothing that is the operator's to
 * say. Neighbours: apply.ts, ../access/operator-fields.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import { withOperatorFields } from '../access/operator-fields.ts'
import type { Principal } from '../access/principal.ts'
import { type DocumentEdits, DocumentError } from '../model/document-edits.ts'
import { ModelError, problem } from '../model/errors.ts'
import { parseJsonText } from '../model/json-text.ts'
import type { Declared, Edit, Objects } from '../model/schema.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { HttpError } from './problem.ts'

/** Which must not keep the controller from all others: YAML takes some 2 s a MiB to read, JSON a twentieth. */
export const LONGEST_OF_TENANT = 8 * 1024 * 1024
const LONGEST_YAML_OF_TENANT = 1024 * 1024

/** @throws HttpError `body_too_large` */
export function checkLength(text: string): void {
  if (text.length <= LONGEST_YAML_OF_TENANT || parseJsonText(text)) return
  const expected = 'at most 1 MiB of YAML, or 8 MiB of JSON'
  throw new HttpError('body_too_large', { expected })
}

/** What a document says of the tenant itself that is not so. */
function saidOfTenant(spec: object, tenant: Objects['tenant'] | undefined): [string, unknown][] {
  const is = (tenant ?? {}) as Readonly<Record<string, unknown>>
  return Object.entries(spec).filter(([name, value]) => !isDeepStrictEqual(value, is[name]))
}

/**
 * Of one tenant alone, and without what is the operator's to say. @param site that the document is for
 * @throws DocumentError
 */
export function editsOfTenant(
  document: DocumentEdits,
  tenant: string,
  principal: Principal,
  site: Snapshot,
): Edit<Declared>[] {
  const { raw, edits, explain, place } = document
  const itself = edits.find(({ collection, key }) => collection === 'tenant' && key === tenant)
  const said = saidOfTenant(itself?.spec ?? {}, site.get('tenant', tenant))
  if (said.length > 0) {
    const problems = said.map(([name, value]) => {
      const pointer = `/tenants/${tenant}/${name}`
      const expected =
        'it to be left out, or as it is: an operator changes it by PATCH of the tenant'
      return place(problem('operator_field', { pointer, value, expected }), pointer)
    })
    throw new DocumentError(problems)
  }
  const foreign = [
    ...Object.keys(raw.tenants ?? {})
      .filter((id) => id !== tenant)
      .map((id) => `/tenants/${id}`),
    ...(['hosts', 'physicalNetworks', 'vniPools'] as const)
      .filter((name) => raw[name])
      .map((name) => `/${name}`),
  ]
  if (foreign.length > 0) {
    const expected = `nothing beside /tenants/${tenant}`
    const problems = foreign.map((pointer) =>
      problem('outside_tenant', { pointer, value: pointer, expected }),
    )
    throw new DocumentError(problems.map((each) => place(each, each.pointer)))
  }
  return edits
    .filter(({ collection }) => collection !== 'tenant')
    .map((edit) => {
      const before = site.get(edit.collection, edit.key)
      try {
        const spec = withOperatorFields(principal, edit.collection, edit.spec, before)
        return { ...edit, spec } as Edit<Declared>
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
        const { collection, key } = edit
        const [first, ...rest] = error.problems.map((each) => ({ ...each, collection, key }))
        throw explain(first ? new ModelError([first, ...rest]) : error)
      }
    })
}
