"""RequestAuthentication: tokens of real requests, what policies make of them, and what people are told."""

import pathlib

from harness import case
from cases.mesh import SHOP, authorization, lab, up

TOKENS = pathlib.Path(__file__).resolve().parents[3] / "labs/mesh/tokens"
KEYS = (TOKENS / "jwks.json").read_text().strip()


def token(name):
    return (TOKENS / f"{name}.jwt").read_text().strip()


def authentication(more="", selector="selector: {matchLabels: {app: cart}}, "):
    return ("apiVersion: security.istio.io/v1\nkind: RequestAuthentication\n"
            "metadata: {name: jwt, namespace: shop}\n"
            f"spec: {{{selector}jwtRules: [{{issuer: lab@shop.example, jwks: '{KEYS}'{more}}}]}}\n---\n")


def asked(w, origin, *more, url="http://cart.shop/"):
    """(status, body, www-authenticate) as curl sees it."""
    out = w.labctl("exec", origin, "--", "curl", "-s", "-i", *more, url).out.replace("\r", "")
    head, _, body = out.partition("\n\n")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\n")[1:])
    return int(head.split()[1]), body, fields.get("www-authenticate")


def bearer(name):
    return "-H", f"Authorization: Bearer {token(name)}"


CHALLENGE = 'bearer realm="http://cart.shop/", error="invalid_token"'


@case("tokens: none passes, a bad one is 401, and policies ask for what a good one says")
def tokens(w):
    up(w, lab() + SHOP + authentication())
    for origin in ("shop/web", "legacy/old"):
        w.equal(asked(w, origin)[0], 200, "without a token")
        w.equal(asked(w, origin, *bearer("bob"))[0], 200, "with a good one")
        w.equal(asked(w, origin, *bearer("expired")), (401, "Jwt is expired", CHALLENGE), "an old one")
        w.equal(asked(w, origin, "-H", "Authorization: Bearer x")[:2],
                (401, "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"), "none at all")
        head, payload, signature = token("bob").split(".")
        w.equal(asked(w, origin, "-H", f"Authorization: Bearer {head}.{token('ann').split('.')[1]}.{signature}")[:2],
                (401, "Jwt verification fails"), "bob's signature under ann's claims")
        none = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
        w.equal(asked(w, origin, "-H", f"Authorization: Bearer {none}.{payload}.{signature}")[:2],
                (401, "Jwt header [alg] is not supported"), "alg none")
    w.equal(asked(w, "shop/web", url=f"http://cart.shop/?access_token={token('expired')}")[0], 401, "in a parameter")
    w.has(w.labctl("logs", "-n", "shop", "cart", "-c", "istio-proxy").out,
          "jwt_authn_access_denied{Jwt_is_expired} by RequestAuthentication shop/jwt", "the log")
    w.labctl("apply", "-f", w.write("who.yaml", authorization(
        "shop", "who", "{selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {requestPrincipals: "
                       "['lab@shop.example/*']}}], to: [{operation: {methods: [GET]}}]}, "
                       "{when: [{key: 'request.auth.claims[groups]', values: [admins]}]}]}")))
    w.equal(asked(w, "shop/web")[:2], (403, "RBAC: access denied"), "a token is asked for")
    w.equal(asked(w, "shop/web", *bearer("bob"))[0], 200, "bob may read")
    w.equal(asked(w, "shop/web", "-X", "DELETE", *bearer("bob"))[0], 403, "and no more")
    w.equal(asked(w, "shop/web", "-X", "DELETE", *bearer("ann"))[0], 200, "an admin may")
    w.labctl("delete", "requestauthentication", "jwt", "-n", "shop")
    w.equal(asked(w, "shop/web", *bearer("ann"))[0], 403, "nobody validates them any more")


@case("tokens: places, audiences, claims in fields, and what is forwarded")
def rules(w):
    up(w, lab() + SHOP + authentication(", audiences: [shop], fromHeaders: [{name: x-token, prefix: 'JWT '}], fromCookies: [t], "
                                        "outputClaimToHeaders: [{header: x-user, claim: sub}]"))
    w.equal(asked(w, "shop/web", "-H", f"X-Token: JWT {token('bob')}")[0], 200, "its own field")
    w.equal(asked(w, "shop/web", "-H", f"X-Token: JWT {token('expired')}")[0], 401, "an old one there")
    w.equal(asked(w, "shop/web", *bearer("expired"))[0], 200, "the usual place is none now")
    w.equal(asked(w, "shop/web", "-b", f"t={token('expired')}")[0], 401, "a cookie")
    w.labctl("apply", "-f", w.write("other.yaml", authentication(", audiences: [bank]")))
    w.equal(asked(w, "shop/web", *bearer("bob"))[:2], (403, "Audiences in Jwt are not allowed"), "another audience")


@case("tokens: explain, describe, lint, get and checks tell of them")
def told(w):
    policy = authorization("shop", "who", "{selector: {matchLabels: {app: cart}}, rules: [{from: [{source: "
                                          "{requestPrincipals: ['*/ann']}}]}]}")
    text = lab() + SHOP + policy
    up(w, text)
    url = "http://cart.shop/"
    run = w.labctl("explain", "shop/web", url, status=1)
    w.has(run.out, "no RequestAuthentication applies to pod shop/cart", "a hint")
    w.has(w.labctl("lint", w.write("alone.yaml", text)).err, "no RequestAuthentication is for pod shop/cart", "lint")
    w.labctl("apply", "-f", w.write("jwt.yaml", authentication()))
    for name, status, words in (("ann", 0, "it is lab@shop.example/ann, by RequestAuthentication shop/jwt"),
                                ("bob", 1, "requestPrincipals */ann: it is lab@shop.example/bob"),
                                ("expired", 1, "the client sees: 401 Jwt is expired")):
        run = w.labctl("explain", "shop/web", url, *bearer(name), status=status)
        w.has(run.out, words, name)
    w.has(w.labctl("explain", "shop/web", url, status=1).out, "the request has no token", "none")
    text = w.labctl("describe", "requestauthentication", "jwt", "-n", "shop").out
    w.matches(text, r"Applies To: +shop/cart\n", "whom it is for")
    w.matches(text, r'Tokens In: +field authorization behind "Bearer ", parameter access_token\n', "where tokens are")
    w.matches(w.labctl("describe", "pod", "cart", "-n", "shop").out, r"Tokens By: +shop/jwt \(lab@shop.example\)\n", "the pod")
    w.matches(w.labctl("get", "ra", "-n", "shop").out, r"jwt +lab@shop.example +", "get")
    run = w.labctl("lint", w.write("open.yaml", lab() + SHOP + authentication()))
    w.has(run.err, "requests without a token reach pod shop/cart as before", "it requires none")
    run = w.labctl("lint", w.write("uri.yaml", (lab() + authentication()).replace(f"jwks: '{KEYS}'", "jwksUri: https://x/keys")))
    w.has(run.err, "keys cannot be fetched in a lab, so every token of this issuer is refused", "jwksUri")
    good = f"""
- {{from: shop/web, to: "{url}", expect: deny, by: authorizationpolicy/shop/who}}
- {{from: shop/web, to: "{url}", headers: {{authorization: Bearer {token("ann")}}}, expect: allow}}
- {{from: shop/web, to: "{url}", headers: {{authorization: Bearer {token("expired")}}}, expect: deny, by: requestauthentication/shop/jwt}}
- {{from: shop/web, to: "{url}", headers: {{authorization: Bearer {token("expired")}}}, expect: {{status: 401}}}}
"""
    w.labctl("check", w.write("good.yaml", good))
    wrong = f'- {{from: shop/web, to: "{url}", headers: {{authorization: Bearer {token("expired")}}}, expect: allow}}\n'
    w.has(w.labctl("check", w.write("wrong.yaml", wrong), status=1).out,
          "decided by: requestauthentication/shop/jwt", "the evidence")
