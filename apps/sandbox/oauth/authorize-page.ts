/** What the consent page shows and carries along. */
export interface AuthorizePage {
  providerLabel: string;
  action: string;
  clientId: string;
  accounts: readonly { name: string; title: string }[];
  scopes: readonly { value: string; title: string }[];
  hidden: Readonly<Record<string, string>>;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => ESCAPES[c] ?? c);

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;background:#f3f4f6;color:#111827;margin:0}
main{max-width:30rem;margin:8vh auto;padding:2rem;background:#fff;border-radius:12px;box-shadow:0 1px 4px #0002}
h1{font-size:1.35rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:#4b5563}
fieldset{border:1px solid #d1d5db;border-radius:8px;margin:0 0 1rem;padding:.75rem 1rem}label{display:block;padding:.3rem 0}
select{font:inherit;width:100%;padding:.4rem}button{font:inherit;padding:.6rem 1.4rem;border-radius:8px;border:1px solid #9ca3af;background:#fff;cursor:pointer}
button[value=allow]{background:#1d4ed8;border-color:#1d4ed8;color:#fff}code{font-size:.85em;color:#6b7280}`;

const shell = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>${body}</main></body></html>`;

/** The consent page: an account picker, one tick box per requested scope, Allow and Deny. */
export function renderAuthorizePage(page: AuthorizePage): string {
  const accounts = page.accounts
    .map((a) => `<option value="${escapeHtml(a.name)}">${escapeHtml(a.title)}</option>`)
    .join('');
  const scopes = page.scopes
    .map(
      (s) =>
        `<label><input type="checkbox" name="scope" value="${escapeHtml(s.value)}" checked> ${escapeHtml(s.title)} <code>${escapeHtml(s.value)}</code></label>`,
    )
    .join('');
  const hidden = Object.entries(page.hidden)
    .map(([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`)
    .join('');
  return shell(
    `${page.providerLabel} (sandbox)`,
    `<h1>${escapeHtml(page.providerLabel)} <small>sandbox</small></h1>
<p>The app <strong>${escapeHtml(page.clientId)}</strong> asks for access to your data.</p>
<form method="post" action="${escapeHtml(page.action)}">${hidden}
<fieldset><legend>Account</legend><label>Sign in as <select name="account">${accounts}</select></label></fieldset>
<fieldset><legend>It may</legend>${scopes}</fieldset>
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></form>`,
  );
}

export const renderErrorPage = (title: string, message: string): string =>
  shell(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p>`);
