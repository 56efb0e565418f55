"""The clinic's own table; on SQLite hugathome creates its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [  # noqa: RUF012 - as Django writes it
        migrations.CreateModel(
            name="Appointment",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField(unique=True)),
                ("session", models.CharField(max_length=64)),
            ],
        )
    ]
