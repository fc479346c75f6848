"""Bookkeeping in a running Tryton, entered through its own interface: a chart of accounts, a fiscal year, invoices, payments."""

from tests.test_real_systems import contacts, decimal


def day(year, month, number):
    return {"__class__": "date", "year": year, "month": month, "day": number}


class Books:
    """The accounts of the one company; `years` are those that invoices may be dated in."""

    def __init__(self, erp, *years):
        self.erp = erp
        self.company = self.one("company.company")
        self.currency = self.one("company.company", field="currency")
        erp.context = {"company": self.company}
        self._chart()
        for year in years:
            self._year(year)
        cash, journal = self.one("account.account", ["code", "=", "1.1.1"]), self.one("account.journal", ["type", "=", "cash"])
        fields = {"company": self.company, "journal": journal, "credit_account": cash, "debit_account": cash}
        self.method = erp.create("account.invoice.payment.method", name="Cash", **fields)

    def one(self, model, *domain, field="id"):
        return self.erp.call(f"model.{model}.search_read", list(domain), 0, 1, None, [field], self.erp.context)[0][field]

    def account(self, kind):
        required = [["party_required", "=", True]] if kind != "revenue" else []
        return self.one("account.account", [f"type.{kind}", "=", True], ["closed", "!=", True], *required)

    def _chart(self):
        company = {"company": self.company}
        steps = {"account": {**company, "account_template": self.one("account.account.template", ["parent", "=", None])}}
        number, *_ = self.erp.call("wizard.account.create_chart.create", self.erp.context)
        self.erp.call("wizard.account.create_chart.execute", number, steps, "create_account", self.erp.context)
        self.receivable, self.revenue = self.account("receivable"), self.account("revenue")
        steps["properties"] = {**company, "account_receivable": self.receivable, "account_payable": self.account("payable")}
        self.erp.call("wizard.account.create_chart.execute", number, steps, "create_properties", self.erp.context)

    def _year(self, year):
        moves, invoices = self._sequence("Account Move", year), self._sequence("Invoice", year)
        kinds = ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note")
        sequences = [["create", [{"company": self.company, **{f"{kind}_sequence": invoices for kind in kinds}}]]]
        span = {"start_date": day(year, 1, 1), "end_date": day(year, 12, 31)}
        made = self.erp.create("account.fiscalyear", name=str(year), company=self.company, **span, move_sequence=moves, invoice_sequences=sequences)
        self.erp.call("model.account.fiscalyear.create_period", [made], self.erp.context)

    def _sequence(self, kind, year):
        kind = self.one("ir.sequence.type", ["name", "=", kind])
        return self.erp.create("ir.sequence.strict", name=str(year), sequence_type=kind, company=self.company)

    def customer(self, name, email):
        """Return a party with an address, a way to reach it, and a note."""
        street = [["create", [{"street": "7 Lamp Row", "city": "Exampleton", "postal_code": "EX4 7LM"}]]]
        party = self.erp.create("party.party", name=name, addresses=street, contact_mechanisms=contacts(("email", email)))
        self.erp.create("ir.note", resource=f"party.party,{party}", message=f"{name} rang")
        return party

    def invoice(self, party, on):
        """Return an invoice that was posted, and not paid."""
        line = {
            "type": "line",
            "account": self.revenue,
            "quantity": 1,
            "unit_price": decimal("20"),
            "description": "Ink",
            "note": "as asked by phone",
        }
        made = self.erp.create(
            "account.invoice", type="out", party=party, company=self.company, currency=self.currency, account=self.receivable,
            journal=self.one("account.journal", ["type", "=", "revenue"]), invoice_address=self.one("party.address", ["party", "=", party]),
            invoice_date=on, lines=[["create", [{**line, "currency": self.currency, "company": self.company}]]],
        )  # fmt: skip
        self.erp.call("model.account.invoice.post", [made], self.erp.context)
        return made

    def pay(self, invoice, party, on):
        """Pay an invoice in cash."""
        context = {**self.erp.context, "active_id": invoice, "active_ids": [invoice], "active_model": "account.invoice"}
        number, *_ = self.erp.call("wizard.account.invoice.pay.create", context)
        what = {"amount": decimal("20"), "currency": self.currency, "payment_method": self.method, "date": on, "description": ""}
        start = {"payee": party, "payees": [party], "invoice_account": self.receivable, **what}
        self.erp.call("wizard.account.invoice.pay.execute", number, {"start": start}, "choice", context)

    def read(self, model, number, *fields):
        [row] = self.erp.call(f"model.{model}.read", [number], list(fields), {**self.erp.context, "active_test": False})
        return [row[f] for f in fields]

    def refuses_to_erase(self, party):
        """Whether Tryton's own wizard refuses, whoever asks."""
        number, *_ = self.erp.call("wizard.party.erase.create", self.erp.context)
        asked = {"id": 1, "method": "wizard.party.erase.execute", "params": [number, {"ask": {"party": party}}, "erase", self.erp.context]}
        return "result" not in self.erp.client.post("/rpc/", json=asked).json()
